import { isIP } from 'node:net';
import { formatVia } from './header-values.js';
import { splitList } from './headers.js';
import type { ParsedSip, ViaValue } from './message.js';
import type { Flow, Target } from './transport.js';

/** The port of a sent-by or URI that names none (RFC 3261 section 18.2.2, RFC 3263 section 4.2). */
export const defaultPort = (transport: string): number => (transport.toLowerCase() === 'tls' ? 5061 : 5060);

/**
 * Writes where a request really came from into its top Via: `received` when the sent-by host is not that address, and
 * both `received` and `rport` when the sender asked for them (RFC 3261 18.2.1, RFC 3581). What the sender itself put
 * there is not believed: it would send our responses to a third party.
 */
export const markReceived = (parsed: ParsedSip, flow: Flow): void => {
  const { via } = parsed;
  const { params } = via;
  const asked = params.has('rport');
  const spoofed = params.has('received') || params.get('rport');
  if (!asked && !spoofed && via.host === flow.remoteAddress) return;
  params.delete('received');
  if (asked) params.set('rport', String(flow.remotePort));
  if (asked || via.host !== flow.remoteAddress) params.set('received', flow.remoteAddress);
  const header = parsed.message.headers.find((h) => h.name === 'Via');
  if (header === undefined) return;
  const rest = header.value.includes(',') ? splitList(header.value).slice(1) : [];
  header.value = [formatVia(via), ...rest].join(', ');
};

export type ResponseRoute = {
  /** The flow to answer on: the request's own connection, or for UDP the address the Via tells. */
  flow: Flow;
  /** Where to connect when that connection has ended (18.2.2); undefined for UDP. */
  fallback: Target | undefined;
};

/**
 * Where the response to a request goes (RFC 3261 section 18.2.2, RFC 3581 section 4), by its top Via and the flow it
 * came by. A `maddr` is followed when it is an address; without a readable Via the answer goes back to the source.
 */
export const responseRoute = (via: ViaValue | undefined, flow: Flow): ResponseRoute => {
  if (via === undefined) return { flow, fallback: undefined };
  const sentPort = via.port ?? defaultPort(flow.transport);
  if (flow.transport !== 'udp') {
    const address = via.params.get('received') ?? (isIP(via.host) ? via.host : flow.remoteAddress);
    return { flow, fallback: { transport: flow.transport, address, port: sentPort, host: via.host } };
  }
  const maddr = via.params.get('maddr') ?? '';
  if (isIP(maddr)) return { flow: { ...flow, remoteAddress: maddr, remotePort: sentPort }, fallback: undefined };
  // Asked for is enough: on the flow of the request itself the port is the source port, marked already or not.
  const remotePort = via.params.has('rport') ? flow.remotePort : sentPort;
  return { flow: { ...flow, remotePort }, fallback: undefined };
};
