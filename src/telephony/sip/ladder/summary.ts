/** What a ladder shows of a message: its first line and what it means. */
export type MessageSummary = {
  readonly callId: string;
  readonly startLine: string;
  /** `INVITE`, or `200 OK (INVITE)`. */
  readonly label: string;
  readonly request: boolean;
  readonly sdp: boolean;
};

const headerValue = (head: string, long: string, short: string): string => {
  const match = new RegExp(`^(?:${long}|${short})[ \\t]*:[ \\t]*([^\\r\\n]*)`, 'im').exec(head);
  return match?.[1]?.trim() ?? '';
};

/** Reads just enough of a message for a ladder; never throws, whatever the text is. */
export const summarize = (text: string): MessageSummary => {
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const startLine = head.slice(0, Math.max(0, head.indexOf('\r\n')) || head.length).slice(0, 300);
  const status = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(startLine);
  const cseqMethod = /^\d+[ \t]+(\S+)/.exec(headerValue(head, 'CSeq', 'CSeq'))?.[1] ?? '';
  const method = /^(\S+) /.exec(startLine)?.[1] ?? '?';
  return {
    callId: headerValue(head, 'Call-ID', 'i').slice(0, 256),
    startLine,
    label: status === null ? method : `${status[1]} ${status[2]} (${cseqMethod})`,
    request: status === null,
    sdp: end >= 0 && text.indexOf('v=0', end) >= 0,
  };
};
