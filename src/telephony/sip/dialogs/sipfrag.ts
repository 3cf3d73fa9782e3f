/** The status of a message/sipfrag body (RFC 3420, RFC 3515 section 2.4.5); null when it begins with no status line. */
export const parseSipfrag = (body: string): { readonly status: number; readonly reason: string } | null => {
  const match = /^SIP\/2\.0[ \t]+([1-6]\d\d)(?:[ \t]+([^\r\n]{0,200}))?[ \t]*(?:\r?\n|$)/i.exec(body);
  if (match === null) return null;
  return { status: Number(match[1]), reason: (match[2] ?? '').trim() };
};
