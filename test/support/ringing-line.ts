import { type RawMessage, rawReply, startRawPeer } from './raw-peer.js';

/** A line that rings until a test says how it ends. */
export type RingingLine = {
  readonly port: number;
  readonly received: readonly RawMessage[];
  /** When the first INVITE came, by `performance.now`; 0 before. */
  readonly invitedAt: () => number;
  /** Sends a provisional response, with early media when `sdp` is given. */
  progress(status: string, sdp?: string): Promise<void>;
  /** Answers; resolves with when the 200 was sent once the ACK has come. */
  answer(sdp: string): Promise<number>;
  /** Sends this final response to the last INVITE; resolves with when it was sent once the ACK has come. */
  refuse(status: string): Promise<number>;
  /** Sends a request inside the answered call; resolves with its final response. */
  request(method: string): Promise<RawMessage>;
  /** The first request of this method, received already or later. */
  until(method: string): Promise<RawMessage>;
  /** Forgets the call there was, for the next one. */
  forget(): void;
  close(): void;
};

/**
 * Starts a line; with `rings` false it says nothing before its final response. A CANCEL ends its INVITE with 487; what
 * comes inside a call is answered 200.
 */
export const startRingingLine = async (options: { readonly rings?: boolean } = {}): Promise<RingingLine> => {
  let invite: RawMessage | null = null;
  let invitedAt = 0;
  let sequence = 100;
  const peer = await startRawPeer((message, self) => {
    if (message.method === 'INVITE') {
      if (invite === null) invitedAt = performance.now();
      // A retransmission has the same branch and is answered the same way.
      invite = message;
      if (options.rings !== false) self.send(rawReply(message, '180 Ringing'));
    } else if (message.method === 'CANCEL') {
      self.send(rawReply(message, '200 OK'));
      if (invite !== null) self.send(rawReply(invite, '487 Request Terminated'));
    } else if (message.method !== null && message.method !== 'ACK') {
      self.send(rawReply(message, '200 OK'));
    }
  });
  const called = async (): Promise<RawMessage> => {
    await peer.until(({ method }) => method === 'INVITE');
    if (invite === null) throw new Error('the line was not called');
    return invite;
  };
  const contact = `Contact: <sip:line@127.0.0.1:${peer.port}>`;
  const finish = async (status: string, sdp?: string): Promise<number> => {
    const asked = await called();
    const callId = asked.lines('Call-ID')[0];
    const at = performance.now();
    peer.send(rawReply(asked, status, sdp === undefined ? {} : { headers: contact, body: sdp }));
    await peer.until((message) => message.method === 'ACK' && message.lines('Call-ID')[0] === callId);
    return at;
  };
  return {
    port: peer.port,
    received: peer.received,
    invitedAt: () => invitedAt,
    progress: async (status, sdp) => {
      peer.send(rawReply(await called(), status, sdp === undefined ? {} : { headers: contact, body: sdp }));
    },
    answer: (sdp) => finish('200 OK', sdp),
    refuse: (status) => finish(status),
    request: async (method) => {
      const asked = await called();
      const value = (name: string): string => (asked.lines(name)[0] ?? '').replace(/^[^:]*:\s*/, '');
      sequence += 1;
      const cseq = `CSeq: ${sequence} ${method}`;
      peer.send(
        [
          `${method} ${/<([^>]+)>/.exec(value('Contact'))?.[1] ?? ''} SIP/2.0`,
          `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKline${sequence}`,
          `From: ${value('To')};tag=raw`,
          `To: ${value('From')}`,
          `Call-ID: ${value('Call-ID')}`,
          cseq,
          'Max-Forwards: 70',
          contact,
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
      );
      return peer.until((message) => (message.status ?? 0) >= 200 && message.lines('CSeq')[0] === cseq);
    },
    until: (method) => peer.until((message) => message.method === method),
    forget: () => {
      invite = null;
      invitedAt = 0;
      peer.forget();
    },
    close: peer.close,
  };
};
