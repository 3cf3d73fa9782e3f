/** People who are called: one SIP peer that does with each INVITE what its number stands for. */
import { type RawMessage, rawReply, startRawPeer } from './raw-peer.js';
import { type RtpPeer, rtpPeer } from './rtp-peer.js';

export type CalleeManner = 'answers' | 'busy' | 'rings' | 'declines';

export type Callees = {
  readonly port: number;
  /** The telephone of the one who answers; what it hears and says. */
  readonly phone: RtpPeer;
  readonly invites: () => readonly RawMessage[];
  until(what: (message: RawMessage) => boolean): Promise<RawMessage>;
  /** BYE inside the call of this INVITE; resolves with its final response. */
  hangUp(invite: RawMessage): Promise<RawMessage>;
  close(): Promise<void>;
};

const value = (message: RawMessage, name: string): string => (message.lines(name)[0] ?? '').replace(/^[^:]*:\s*/, '');

/** `mannerOf` says by the user part of the Request-URI what happens. */
export const startCallees = async (mannerOf: (user: string) => CalleeManner): Promise<Callees> => {
  const phone = await rtpPeer();
  const ringing = new Map<string, RawMessage>();
  const peer = await startRawPeer((message, self) => {
    const { method } = message;
    if (method === null || method === 'ACK') return;
    if (method === 'CANCEL') {
      self.send(rawReply(message, '200 OK'));
      const invite = ringing.get(value(message, 'Call-ID'));
      if (invite !== undefined) self.send(rawReply(invite, '487 Request Terminated'));
      return;
    }
    if (method !== 'INVITE') return self.send(rawReply(message, '200 OK'));
    const user = /^INVITE sip:([^@\s]*)@/.exec(message.text)?.[1] ?? '';
    const contact = `Contact: <sip:callee@127.0.0.1:${self.port}>`;
    const manner = mannerOf(user);
    if (manner === 'busy') return self.send(rawReply(message, '486 Busy Here'));
    if (manner === 'declines') return self.send(rawReply(message, '603 Decline'));
    self.send(rawReply(message, '180 Ringing', { headers: contact }));
    ringing.set(value(message, 'Call-ID'), message);
    if (manner === 'rings') return;
    phone.accept(message.text.split('\r\n\r\n')[1] ?? '');
    self.send(rawReply(message, '200 OK', { headers: contact, body: phone.sdp() }));
  });
  let sequence = 1;
  return {
    port: peer.port,
    phone,
    invites: () => peer.received.filter(({ method }) => method === 'INVITE'),
    until: peer.until,
    async hangUp(invite) {
      sequence += 1;
      const cseq = `CSeq: ${sequence} BYE`;
      const target = /<([^>]+)>/.exec(value(invite, 'Contact'))?.[1] ?? '';
      peer.send(
        [
          `BYE ${target} SIP/2.0`,
          `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKbye${sequence}`,
          `From: ${value(invite, 'To')};tag=raw`,
          `To: ${value(invite, 'From')}`,
          `Call-ID: ${value(invite, 'Call-ID')}`,
          'Max-Forwards: 70',
          cseq,
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
      );
      return peer.until((message) => (message.status ?? 0) >= 200 && message.lines('CSeq')[0] === cseq);
    },
    close: async () => {
      peer.close();
      await phone.close();
    },
  };
};
