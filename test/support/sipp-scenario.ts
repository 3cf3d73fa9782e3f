/**
 * Builds sipp scenarios from steps, so that a test shows the messages that matter and nothing else. Values in square
 * brackets are sipp's own (`[call_id]`, `[remote_ip]`).
 */
export type Step = string;

const xml = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

/** A scenario of these steps. */
export const scenario = (...steps: readonly Step[]): string =>
  `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="test">\n${steps.join('\n')}\n</scenario>\n`;

/** Sends a message; lines are separated by line ends and trimmed. */
export const send = (
  message: string,
  options: { readonly retransmit?: boolean; readonly attributes?: string } = {},
): Step =>
  `<send${options.retransmit === true ? ' retrans="500"' : ''} ${options.attributes ?? ''}><![CDATA[\n\n${message
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join('\n')}\n\n]]></send>`;

/** Expects a request or a status; `log` writes a header (`name:`) or the whole message to the log. */
export const expectMessage = (
  what: string | number,
  options: {
    readonly optional?: boolean;
    readonly auth?: boolean;
    readonly routes?: boolean;
    readonly timeout?: number;
    /** Regular expressions the message must match, each kept in a variable of its own. */
    readonly matches?: readonly string[];
    /** Digits of a header kept under a name: `{ rseq: 'RSeq' }` makes `[$rseq]`. */
    readonly keep?: Readonly<Record<string, string>>;
  } = {},
): Step => {
  const kind = typeof what === 'number' ? `response="${what}"` : `request="${what}"`;
  const attributes = [
    kind,
    options.optional === true ? 'optional="true"' : '',
    options.auth === true ? 'auth="true"' : '',
    options.routes === true ? 'rrs="true"' : '',
    options.timeout === undefined ? '' : `timeout="${options.timeout}"`,
  ].join(' ');
  const checks = (options.matches ?? []).map(
    (pattern, index) =>
      `<ereg regexp="${xml(pattern)}" search_in="msg" check_it="true" assign_to="m${index}"/><log message="matched [$m${index}]"/>`,
  );
  for (const [name, header] of Object.entries(options.keep ?? {})) {
    checks.push(
      `<ereg regexp="[0-9]+" search_in="hdr" header="${header}:" check_it="true" assign_to="${name}"/><log message="kept [$${name}]"/>`,
    );
  }
  return checks.length === 0
    ? `<recv ${attributes}/>`
    : `<recv ${attributes}><action>${checks.join('')}</action></recv>`;
};

export const pause = (ms: number): Step => `<pause milliseconds="${ms}"/>`;

export const sdp = (
  options: { readonly profile?: string; readonly extra?: string; readonly version?: number } = {},
): string => `
v=0
o=peer 1 ${options.version ?? 1} IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] ${options.profile ?? 'RTP/AVP'} 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000${options.extra === undefined ? '' : `\n${options.extra}`}`;

const withBody = (body: string): string =>
  body === '' ? 'Content-Length: 0\n' : `Content-Type: application/sdp\nContent-Length: [len]\n\n${body.trim()}`;

/** INVITE of a caller. */
export const invite = (
  options: {
    readonly user?: string;
    readonly from?: string;
    readonly headers?: string;
    readonly body?: string;
    readonly cseq?: number;
    readonly auth?: string;
    readonly branch?: string;
  } = {},
): Step =>
  send(
    `INVITE sip:${options.user ?? '+14155550100'}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=${options.branch ?? '[branch]'}
From: ${options.from ?? '"Ann" <sip:+14155550123@[local_ip]:[local_port]>'};tag=caller[call_number]
To: <sip:${options.user ?? '+14155550100'}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: ${options.cseq ?? 1} INVITE
Contact: <sip:ann@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
${options.auth === undefined ? '' : `${options.auth}\n`}${options.headers === undefined ? '' : `${options.headers}\n`}${withBody(options.body ?? sdp())}`,
    { retransmit: true },
  );

/** A request of the caller inside the dialog. */
export const inDialog = (
  method: string,
  cseq: number,
  options: {
    readonly headers?: string;
    readonly body?: string;
    readonly rawBody?: string;
    readonly retransmit?: boolean;
  } = {},
): Step =>
  send(
    `${method} sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "Ann" <sip:+14155550123@[local_ip]:[local_port]>;tag=caller[call_number]
To: <sip:+14155550100@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Contact: <sip:ann@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
${options.headers === undefined ? '' : `${options.headers}\n`}${
  options.rawBody === undefined ? withBody(options.body ?? '') : `Content-Length: [len]\n\n${options.rawBody}`
}`,
    { retransmit: options.retransmit ?? method !== 'ACK' },
  );

/** ACK of the caller to a failure: same branch as the INVITE. */
export const ackFailure = (cseq = 1, user = '+14155550100'): Step =>
  send(`ACK sip:${user}@[remote_ip]:[remote_port] SIP/2.0
[last_Via]
[last_From]
[last_To]
Call-ID: [call_id]
CSeq: ${cseq} ACK
Max-Forwards: 70
Content-Length: 0
`);

/** An answer to the request just received. */
export const reply = (
  status: string,
  options: {
    readonly tag?: boolean;
    readonly headers?: string;
    readonly body?: string;
    readonly retransmit?: boolean;
  } = {},
): Step =>
  send(
    `SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:]${options.tag === false ? '' : ';tag=callee[call_number]'}
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>
${options.headers === undefined ? '' : `${options.headers}\n`}${withBody(options.body ?? '')}`,
    { retransmit: options.retransmit ?? false },
  );
