import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Clock, Timer } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import { BULLETS } from '../../../core/redaction.js';
import type { WireMessage } from '../ladder/recorder.js';
import { redactMessage } from '../ladder/redact.js';
import { type Withheld, withheldIn } from '../ladder/withheld.js';
import { type HepAgent, hepPacket } from './packet.js';

export type HepSenderOptions = {
  /** Name or address of Homer's capture server. */
  readonly host: string;
  readonly port: number;
  readonly agent: HepAgent;
  /** Our address, to stand for one that means every address; null: it stands as it is. */
  readonly ownAddress: string | null;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Logger;
};

export type HepSender = {
  /** Never waits and never throws. */
  send(message: WireMessage): void;
  close(): void;
};

/** As `address:port` has it. */
const formatted = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** How often Homer's name is looked up again, ms: it may have moved. */
const lookupInterval = 60_000;
/** Calls with a withheld number that are remembered; the oldest go first. */
const maxWithheld = 10_000;
/** Bytes that may wait in the socket; what comes beyond is dropped. */
const backlog = 4 * 1_024 * 1_024;

/**
 * Sends SIP messages to Homer by HEP over UDP, without the credentials and keys in them and without withheld numbers. Homer being away costs its view,
 * never a call.
 */
export const openHepSender = (options: HepSenderOptions): HepSender => {
  const { agent, clock, log } = options;
  const ownPlace = options.ownAddress === null ? null : `${formatted(options.ownAddress)}:`;
  let to: { readonly socket: Socket; readonly address: string; readonly family: number } | null = null;
  let next: Timer | null = null;
  let failing = false;
  /** What must not be read of calls under way, by Call-ID: their INVITE has said so. */
  const withheld = new Map<string, Withheld>();
  let closed = false;

  const failed = (error: Error | null): void => {
    if (error !== null && !failing) log.warn({ reason: error.message }, 'SIP messages cannot be sent to Homer');
    if (error === null && failing) log.info({}, 'SIP messages are sent to Homer again');
    failing = error !== null;
  };

  const open = (family: number): Socket => {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    socket.on('error', failed);
    socket.unref();
    return socket;
  };

  const find = async (): Promise<void> => {
    try {
      const { address, family } = await lookup(options.host);
      if (closed) return;
      if (to?.family !== family) to?.socket.close();
      to = { socket: to?.family === family ? to.socket : open(family), address, family };
    } catch (error) {
      failed(error instanceof Error ? error : new Error(String(error)));
    }
    if (!closed) next = clock.after(lookupInterval, () => void find());
  };
  void find();

  const withheldOf = (callId: string, text: string): Withheld | null => {
    const told = withheldIn(text);
    if (told !== null) {
      withheld.set(callId, new Set([...(withheld.get(callId) ?? []), ...told]));
      const oldest = withheld.keys().next();
      if (withheld.size > maxWithheld && oldest.done !== true) withheld.delete(oldest.value);
    }
    return withheld.get(callId) ?? null;
  };

  return {
    send({ at, direction, transport, local, remote, callId, raw }) {
      if (to === null || callId === '' || to.socket.getSendQueueSize() > backlog) return;
      // Byte for byte, since a body may be binary; the bullets would not fit into bytes.
      const text = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1');
      const here = ownPlace === null ? local : local.replace(/^(?:0\.0\.0\.0|\[::\]):/, ownPlace);
      const [source, destination] = direction === 'in' ? [remote, here] : [here, remote];
      const payload = Buffer.from(
        redactMessage(text, withheldOf(callId, text)).replaceAll(BULLETS, '********'),
        'latin1',
      );
      const packet = hepPacket({ at, transport, source, destination, callId, payload }, agent);
      if (packet !== null) to.socket.send(packet, options.port, to.address, failed);
    },
    close() {
      closed = true;
      next?.cancel();
      to?.socket.close();
      to = null;
    },
  };
};
