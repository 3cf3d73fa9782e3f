import type { EngineClock } from './engine-clock.js';
import type { ParsedSip } from './message.js';
import type { EngineOptions, WireEvent } from './options.js';
import type { Flow, TransportLayer, TransportName } from './transport.js';
import { formatHost } from './uri.js';

const place = (address: string, port: number): string => `${formatHost(address)}:${port}`;

/** Call-ID of a message we send, as our serializer writes it. */
const callIdOf = (bytes: Buffer): string => {
  const at = bytes.indexOf('\r\nCall-ID: ');
  if (at < 0) return '';
  return bytes.toString('utf8', at + 11, bytes.indexOf('\r\n', at + 11));
};

/** How long a message's first sight is remembered to tell repetitions, ms. */
const memory = 32_000;

/** Remembers messages for a while by a hash of their text, in two halves that take turns. */
const createSeen = (clock: EngineClock): ((key: string) => boolean) => {
  let young = new Set<string>();
  let old = new Set<string>();
  let turn = clock.now();
  return (key) => {
    if (clock.now() - turn > memory) {
      old = young;
      young = new Set();
      turn = clock.now();
    }
    const known = young.has(key) || old.has(key);
    if (!known) young.add(key);
    return known;
  };
};

/** Shows every message on the wire to the tap; without a tap everything passes untouched. */
export const tapped = (
  tap: EngineOptions['tap'],
  clock: EngineClock,
): { layer(layer: TransportLayer): TransportLayer; received(parsed: ParsedSip, flow: Flow, raw: Buffer): void } => {
  if (!tap) return { layer: (layer) => layer, received: () => undefined };
  const seen = createSeen(clock);
  const event = (
    direction: WireEvent['direction'],
    ends: { transport: TransportName; local: string; remote: string },
    callId: string,
    raw: Buffer,
  ): void => {
    const start = raw.toString('latin1', 0, Math.min(raw.length, 1024));
    const branch = /branch=([^;,\s]+)/i.exec(start)?.[1] ?? '';
    const line = start.slice(0, start.indexOf('\r\n'));
    const cseq = /\r\nCSeq\s*:\s*([^\r]+)/i.exec(start)?.[1] ?? '';
    const rseq = /\r\nRSeq\s*:\s*(\d+)/i.exec(start)?.[1] ?? '';
    const retransmission = seen(`${direction}${ends.remote}${line}${branch}${cseq}${rseq}${callId}`);
    tap({ at: clock.now(), direction, ...ends, callId, retransmission, raw });
  };
  const ends = (flow: Flow): { transport: TransportName; local: string; remote: string } => ({
    transport: flow.transport,
    local: place(flow.localAddress, flow.localPort),
    remote: place(flow.remoteAddress, flow.remotePort),
  });
  return {
    received: (parsed, flow, raw) => event('in', ends(flow), parsed.callId, raw),
    layer: (layer) => ({
      local: layer.local,
      localFor: (transport, address) => layer.localFor(transport, address),
      close: () => layer.close(),
      renewTls: (material) => layer.renewTls(material),
      closeIfSilent: (flow, since) => layer.closeIfSilent(flow, since),
      sendOn: (flow, bytes, fallback) => {
        event('out', ends(flow), callIdOf(bytes), bytes);
        layer.sendOn(flow, bytes, fallback);
      },
      sendRequest: (target, bytesFor) =>
        layer.sendRequest(target, (transport, local) => {
          const bytes = bytesFor(transport, local);
          const remote = place(target.address, target.port);
          event('out', { transport, local: place(local.address, local.port), remote }, callIdOf(bytes), bytes);
          return bytes;
        }),
    }),
  };
};
