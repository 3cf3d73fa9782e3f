/**
 * A stand-in for a Zendesk SIP-IN line or a trunk: sipp plays it, so that what the gateway sends is judged by a peer that
 * has nothing of ours in it.
 */
import { type SippResult, startSipp } from './sipp.js';
import { expectMessage, pause, reply, type Step, scenario, send } from './sipp-scenario.js';

/** One INVITE as the line received it. */
export type ReceivedInvite = {
  readonly text: string;
  readonly requestUri: string;
  /** Value of a header, null when it is not there. */
  header(name: string): string | null;
  /** How often a header is there. */
  count(name: string): number;
  readonly sdp: string;
};

export type SipInLine = {
  readonly port: number;
  /** Ends the line by itself when its scenario is over; the result with everything it received. */
  readonly done: Promise<SippResult & { readonly invites: readonly ReceivedInvite[] }>;
  stop(): Promise<SippResult & { readonly invites: readonly ReceivedInvite[] }>;
};

const parseInvite = (text: string): ReceivedInvite => {
  const [head = '', sdp = ''] = text.split(/\r?\n\r?\n/, 2);
  const lines = head.split(/\r?\n/);
  const values = (name: string): string[] =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
      .map((line) => line.slice(line.indexOf(':') + 1).trim());
  return {
    text,
    requestUri: lines[0]?.split(' ')[1] ?? '',
    header: (name) => values(name)[0] ?? null,
    count: (name) => values(name).length,
    sdp,
  };
};

/** The INVITEs in sipp's message log, retransmissions left out. */
const invitesIn = (messages: string): ReceivedInvite[] => {
  const found: ReceivedInvite[] = [];
  for (const part of messages.split(/^-{10,}.*$/m)) {
    const at = part.indexOf('INVITE sip:');
    if (!/message received/.test(part) || at < 0) continue;
    const invite = parseInvite(part.slice(at).trimEnd());
    if (!found.some((known) => known.text === invite.text)) found.push(invite);
  }
  return found;
};

/** Starts a line that plays these steps for each call. */
export const startLine = async (
  steps: readonly Step[],
  options: {
    readonly transport?: 'udp' | 'tcp';
    readonly port?: number;
    readonly timeout?: number;
    readonly address?: string;
  } = {},
): Promise<SipInLine> => {
  const run = await startSipp({ scenario: scenario(...steps), transport: 'udp', ...options });
  const read = (result: SippResult) => ({ ...result, invites: invitesIn(result.messages) });
  return { port: run.port, done: run.done.then(read), stop: async () => read(await run.stop()) };
};

const received = expectMessage('INVITE', { routes: true });
const trying = reply('100 Trying', { tag: false });

/** A request of the line inside the call. */
export const fromLine = (method: string, cseq: number, body = ''): Step =>
  send(
    `${method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[last_To:];tag=callee[call_number]
[last_From:]
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
${body === '' ? 'Content-Length: 0\n' : `Content-Type: application/sdp\nContent-Length: [len]\n\n${body.trim()}`}`,
    { retransmit: true },
  );

/** Rings and answers with this SDP, then waits until the gateway hangs up. */
export const answering = (sdp: string, options: { readonly ringFor?: number } = {}): Step[] => [
  received,
  trying,
  reply('180 Ringing'),
  pause(options.ringFor ?? 100),
  reply('200 OK', { body: sdp, retransmit: true }),
  expectMessage('ACK'),
  expectMessage('BYE'),
  reply('200 OK', { tag: false }),
];

/** Refuses, after ringing when `ringFor` is given. */
export const refusing = (status: string, options: { readonly ringFor?: number } = {}): Step[] => [
  received,
  trying,
  ...(options.ringFor === undefined ? [] : [reply('180 Ringing'), pause(options.ringFor)]),
  reply(status, { retransmit: true }),
  expectMessage('ACK'),
];

/** Rings until it is cancelled. */
export const ringingOnly = (): Step[] => [
  received,
  trying,
  reply('180 Ringing'),
  `<recv request="CANCEL"/>`,
  reply('200 OK'),
  send(
    `SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0
`,
    { retransmit: true },
  ),
  expectMessage('ACK'),
];
