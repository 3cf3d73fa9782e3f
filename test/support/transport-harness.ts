import type { ParsedSip } from '../../src/telephony/sip-engine/message.js';
import type {
  Flow,
  SendFailure,
  Target,
  TransportLayer,
  TransportName,
} from '../../src/telephony/sip-engine/transport.js';
import { openTransportLayer, type TransportLayerOptions } from '../../src/telephony/sip-engine/transports/layer.js';
import { until } from './until.js';

/** Everything a transport layer reported, in order; `next…` waits for what has not been taken yet. */
export type LayerHarness = {
  layer: TransportLayer;
  port(transport: TransportName): number;
  nextMessage(): Promise<{ parsed: ParsedSip; flow: Flow; raw: Buffer }>;
  nextInvalid(): Promise<{ reason: string; status: number | undefined; flow: Flow }>;
  nextError(): Promise<{ flow: Flow; failure: SendFailure }>;
  /** How many messages and faults nobody took. */
  untaken(): { messages: number; invalid: number; errors: number };
  logged: string[];
};

export const openHarness = async (
  options: TransportLayerOptions & { readonly inUse?: () => ReadonlySet<number> },
): Promise<LayerHarness> => {
  const messages: { parsed: ParsedSip; flow: Flow; raw: Buffer }[] = [];
  const invalid: { reason: string; status: number | undefined; flow: Flow }[] = [];
  const errors: { flow: Flow; failure: SendFailure }[] = [];
  const logged: string[] = [];
  const layer = await openTransportLayer(
    { ...options, log: (_level, _fields, message) => void logged.push(message) },
    {
      onMessage: (parsed, flow, raw) => void messages.push({ parsed, flow, raw }),
      onInvalid: ({ reason, status }, flow) => void invalid.push({ reason, status, flow }),
      onFlowError: (flow, failure) => void errors.push({ flow, failure }),
      ...(options.inUse === undefined ? {} : { inUse: options.inUse }),
    },
  );
  return {
    layer,
    port: (transport) => layer.local.find((p) => p.transport === transport)?.port ?? 0,
    nextMessage: () => until('a message', () => messages.shift()),
    nextInvalid: () => until('an invalid message', () => invalid.shift()),
    nextError: () => until('a flow error', () => errors.shift()),
    untaken: () => ({ messages: messages.length, invalid: invalid.length, errors: errors.length }),
    logged,
  };
};

export type RequestParts = { via?: string; cseq?: number; method?: string; body?: string; extra?: string[] };

/** A small valid request as text. */
export const requestText = ({ via, cseq = 1, method = 'OPTIONS', body = '', extra = [] }: RequestParts = {}): string =>
  [
    `${method} sip:gateway@127.0.0.1 SIP/2.0`,
    `Via: ${via ?? 'SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKtest;rport'}`,
    'From: <sip:a@127.0.0.1>;tag=f',
    'To: <sip:gateway@127.0.0.1>',
    'Call-ID: harness@127.0.0.1',
    `CSeq: ${cseq} ${method}`,
    ...extra,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');

/** The 200 of such a request. */
export const responseText = (via: string): string =>
  [
    'SIP/2.0 200 OK',
    `Via: ${via}`,
    'From: <sip:a@127.0.0.1>;tag=f',
    'To: <sip:gateway@127.0.0.1>;tag=t',
    'Call-ID: harness@127.0.0.1',
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');

export const targetOf = (transport: TransportName, port: number, address = '127.0.0.1', host = address): Target => ({
  transport,
  address,
  port,
  host,
});

/** Renders a request whose top Via names the transport finally used. */
export const rendered =
  (parts: RequestParts = {}) =>
  (transport: TransportName, local: { address: string; port: number }): Buffer =>
    Buffer.from(
      requestText({
        via: `SIP/2.0/${transport.toUpperCase()} ${local.address}:${local.port};branch=z9hG4bKx`,
        ...parts,
      }),
    );
