import type { AdminWire } from './wire.js';

/** What ends an INVITE at the server, as commands: each is sent when the one before was refused. */
export type InviteEnd = readonly string[];

/**
 * INVITEs that are open at a SIP server which knows nothing of whose they are. When the connection breaks, the server
 * lets them ring on and nobody would ever end them (drachtio-server 0.9.10 keeps its transactions, not their
 * application), so they are ended as soon as the server can be told again.
 */
export type UnfinishedInvites = {
  /** An INVITE was received or sent; the returned function is called when its end is known to both. */
  add(end: InviteEnd): () => void;
  /** Ends what is open, over the new connection; returns how many there were. */
  endAll(wire: Pick<AdminWire, 'command'>): number;
};

export const unfinishedInvites = (): UnfinishedInvites => {
  const open = new Set<InviteEnd>();
  const end = async (wire: Pick<AdminWire, 'command'>, commands: InviteEnd): Promise<void> => {
    for (const command of commands) {
      if ((await wire.command(command))?.startsWith('OK') === true) return;
    }
  };
  return {
    add: (entry) => {
      open.add(entry);
      return () => open.delete(entry);
    },
    endAll: (wire) => {
      const all = [...open];
      open.clear();
      for (const entry of all) void end(wire, entry);
      return all.length;
    },
  };
};

const tagOf = (from: string): string => /;\s*tag=([^;\s>]+)/i.exec(from)?.[1] ?? '';

/**
 * How a received INVITE is ended: 503, so that the caller may try elsewhere; and if a 200 of ours has gone out without
 * our knowing it, BYE in the dialog that made, whose name the server builds of the Call-ID and the From tag.
 */
export const endOfReceived = (transactionId: string, header: (name: string) => string | undefined): InviteEnd => {
  const copied = ['Call-ID', 'CSeq', 'From', 'To'].map((name) => `${name}: ${header(name) ?? ''}`);
  const response = ['SIP/2.0 503 Service Unavailable', ...copied, 'Retry-After: 2', 'Content-Length: 0', '', ''];
  const dialogId = `${header('call-id') ?? ''};from-tag=${tagOf(header('from') ?? '')}`;
  return [
    [`sip|${transactionId}|`, ...response].join('\r\n'),
    [`sip||${dialogId}`, 'BYE sip:placeholder SIP/2.0', 'Content-Length: 0', '', ''].join('\r\n'),
  ];
};

/** How an INVITE of ours is ended; an answer that crosses the CANCEL gets ACK and BYE from the server. */
export const endOfSent = (transactionId: string, uri: string): InviteEnd => [
  [`sip|${transactionId}|`, `CANCEL ${uri} SIP/2.0`, 'Content-Length: 0', '', ''].join('\r\n'),
];
