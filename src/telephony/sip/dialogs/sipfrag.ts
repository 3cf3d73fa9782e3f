/** The status of a message/sipfrag body (RFC 3420, RFC 3515 section 2.4.5); null when it begins with no status line. */
export const parseSipfrag = (body: string): { readonly status: number; readonly reason: string } | null => {
  // Nothing stands behind the last part that could fail and have the parts before it tried anew.
  const match = /^SIP\/2\.0[ \t]+([1-6]\d\d)(?=[ \t\r\n]|$)([^\r\n]*)/i.exec(body);
  const reason = (match?.[2] ?? '').trim();
  return match === null || reason.length > 200 ? null : { status: Number(match[1]), reason };
};
