/**
 * A stand-in for a Zendesk SIP-IN line or a trunk: sipp plays it, so that what the gateway sends is judged by a peer that
 * has nothing of ours in it.
 */
import { type RawMessage, rawReply, startRawPeer } from './raw-peer.js';
import type { RtpPeer } from './rtp-peer.js';
import { type SippResult, type SippRun, startSipp } from './sipp.js';
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
  // A port that was free may be taken by the time sipp binds it.
  const start = (attempts: number): Promise<SippRun> =>
    startSipp({ scenario: scenario(...steps), transport: 'udp', ...options }).catch((error: unknown) => {
      if (attempts <= 1 || options.port !== undefined) throw error;
      return start(attempts - 1);
    });
  const run = await start(3);
  const read = (result: SippResult) => ({ ...result, invites: invitesIn(result.messages) });
  return { port: run.port, done: run.done.then(read), stop: async () => read(await run.stop()) };
};

const received = expectMessage('INVITE', { routes: true });
const trying = reply('100 Trying', { tag: false });

/** Rings (with early media when asked) and answers with this SDP; then waits until the gateway hangs up. */
export const answering = (
  sdp: string,
  options: { readonly ringFor?: number; readonly early?: boolean } = {},
): Step[] => [
  received,
  trying,
  options.early === true ? reply('183 Session Progress', { body: sdp }) : reply('180 Ringing'),
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
  // The 487 comes after the CANCEL and still answers the INVITE, whose number it must carry.
  expectMessage('INVITE', { routes: true, keep: { invite: 'CSeq' } }),
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
CSeq: [$invite] INVITE
Content-Length: 0
`,
    { retransmit: true },
  ),
  expectMessage('ACK'),
];

/** A line that does what a test says when it says it: answers at once, and then hangs up, holds, sends INFO. */
export type Desk = {
  readonly port: number;
  readonly phone: RtpPeer;
  readonly received: readonly RawMessage[];
  /** When its 200 was sent, by `performance.now`. */
  readonly answeredAt: () => number;
  /** Sends a request inside the call and resolves with its final response. */
  request(method: string, options?: { readonly body?: string; readonly contentType?: string }): Promise<RawMessage>;
  /** BYE; resolves when it was answered. */
  hangUp(): Promise<void>;
  /** The first request of this method, received already or later. */
  until(method: string): Promise<RawMessage>;
  close(): void;
};

/** Answers the first INVITE with the phone's SDP, and everything the gateway asks inside the call with 200. */
export const startDesk = async (phone: RtpPeer): Promise<Desk> => {
  const contact = (port: number): string => `Contact: <sip:desk@127.0.0.1:${port}>`;
  let sequence = 100;
  let answeredAt = 0;
  const peer = await startRawPeer((message, self) => {
    if (message.method === null || message.method === 'ACK') return;
    if (message.method !== 'INVITE') return self.send(rawReply(message, '200 OK'));
    const offer = message.text.split('\r\n\r\n')[1] ?? '';
    if (offer !== '') phone.accept(offer);
    self.send(rawReply(message, '180 Ringing'));
    if (answeredAt === 0) answeredAt = performance.now();
    self.send(rawReply(message, '200 OK', { headers: contact(self.port), body: phone.sdp() }));
  });
  const invite = (): RawMessage => {
    const found = peer.received.find((message) => message.method === 'INVITE');
    if (found === undefined) throw new Error('the desk has no call');
    return found;
  };
  const value = (name: string): string => (invite().lines(name)[0] ?? '').replace(/^[^:]*:\s*/, '');
  const request: Desk['request'] = async (method, { body = '', contentType = 'application/sdp' } = {}) => {
    sequence += 1;
    const cseq = `CSeq: ${sequence} ${method}`;
    const target = /<([^>]+)>/.exec(value('Contact'))?.[1] ?? '';
    const head = (name: string, id: string): string[] => [
      `${name} ${target} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bK${id}`,
      `From: ${value('To')};tag=raw`,
      `To: ${value('From')}`,
      `Call-ID: ${value('Call-ID')}`,
      'Max-Forwards: 70',
      contact(peer.port),
    ];
    const type = body === '' ? [] : [`Content-Type: ${contentType}`];
    peer.send(
      [...head(method, `r${sequence}`), cseq, ...type, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join(
        '\r\n',
      ),
    );
    const final = await peer.until((message) => (message.status ?? 0) >= 200 && message.lines('CSeq')[0] === cseq);
    if (method === 'INVITE') {
      const ack = `CSeq: ${sequence} ACK`;
      peer.send([...head('ACK', `a${sequence}`), ack, 'Content-Length: 0', '', ''].join('\r\n'));
    }
    return final;
  };
  return {
    port: peer.port,
    phone,
    received: peer.received,
    answeredAt: () => answeredAt,
    request,
    hangUp: async () => {
      await request('BYE');
    },
    until: (method) => peer.until((message) => message.method === method),
    close: peer.close,
  };
};
