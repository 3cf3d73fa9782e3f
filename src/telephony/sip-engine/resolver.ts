import { isIP, isIPv6 } from 'node:net';
import type { Dns, SrvRecord } from './dns.js';
import type { SipUri } from './message.js';
import type { SendFailure, Target, TransportName } from './transport.js';
import { sendFailure, textOf } from './transports/failure.js';
import { defaultPort } from './via-route.js';

export type ResolveOptions = {
  dns: Dns;
  /** Used when neither the URI nor DNS decides; UDP when absent (TLS for sips). */
  preferTransport?: TransportName;
  /** Transports that can be sent by, in order of preference; all three when absent. */
  transports?: readonly TransportName[];
  /** Address families that can be sent to, in order of preference; IPv4 before IPv6 when absent. */
  families?: readonly ('ipv4' | 'ipv6')[];
  /** A number in [0, 1), for the weights of SRV records. */
  random?: () => number;
  signal?: AbortSignal;
};

const allTransports: readonly TransportName[] = ['udp', 'tcp', 'tls'];
const bothFamilies = ['ipv4', 'ipv6'] as const;
/** Enough to fail over with; a zone with hundreds of records must not keep a call waiting for hours. */
const maxTargets = 16;

const serviceNames: Readonly<Record<TransportName, string>> = {
  udp: '_sip._udp.',
  tcp: '_sip._tcp.',
  tls: '_sips._tcp.',
};

const naptrServices: Readonly<Record<string, TransportName>> = {
  'SIP+D2U': 'udp',
  'SIP+D2T': 'tcp',
  'SIPS+D2T': 'tls',
};

/**
 * Orders SRV records for use: by priority, and within one by weighted chance (RFC 2782, "Usage rules").
 * A record with weight 0 keeps a small chance when others have one.
 */
export const orderSrv = (records: readonly SrvRecord[], random: () => number): SrvRecord[] => {
  const ordered: SrvRecord[] = [];
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  while (left.length > 0) {
    const priority = left[0]?.priority;
    const group = left.filter((r) => r.priority === priority);
    const sum = group.reduce((total, record) => total + record.weight, 0);
    // The RFC draws an integer between 0 and the sum, both included.
    const drawn = Math.floor(random() * (sum + 1));
    let running = 0;
    const chosen = group.find((record) => {
      running += record.weight;
      return running >= drawn;
    });
    const next = chosen ?? group[0];
    if (next === undefined) break;
    ordered.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return ordered;
};

/** The transport a URI itself demands; undefined when it leaves the choice, a failure when it asks the impossible. */
const demandedTransport = (uri: SipUri): TransportName | undefined | SendFailure => {
  const named = uri.params.get('transport')?.toLowerCase();
  if (named === undefined || named === '') return undefined;
  const known = allTransports.find((transport) => transport === named);
  if (known === undefined) return sendFailure('unreachable', `transport ${named} is not supported`);
  if (uri.scheme !== 'sips') return known;
  return known === 'udp' ? sendFailure('unreachable', 'a sips URI cannot be reached by UDP') : 'tls';
};

/** Rejects as soon as the signal aborts; the query itself goes on, and its answer is remembered. */
const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};

/** A place to look up addresses of: a host and port by a transport, in the order of use. */
type Candidate = { transport: TransportName; host: string; port: number };

const findTargets = async (uri: SipUri, options: ResolveOptions): Promise<Target[]> => {
  const { dns, random = Math.random, families = bothFamilies } = options;
  const secure = uri.scheme === 'sips';
  const usable = (options.transports ?? allTransports).filter((t) => !secure || t === 'tls');
  const host = uri.params.get('maddr')?.replace(/^\[|\]$/g, '') || uri.host;
  const demanded = demandedTransport(uri);
  if (typeof demanded === 'object') throw demanded;
  if (demanded !== undefined && !usable.includes(demanded)) {
    throw sendFailure('unreachable', `no listening point for transport ${demanded}`);
  }
  const preferred = options.preferTransport;
  const fallback = preferred !== undefined && usable.includes(preferred) ? preferred : usable[0];
  const transport = demanded ?? fallback;
  if (transport === undefined) throw sendFailure('unreachable', 'no listening point for a sips URI: TLS is not set up');

  if (isIP(host)) return [{ transport, address: host, port: uri.port ?? defaultPort(transport), host }];

  /** The last failure of a name server, told when nothing else is found. */
  let failure: unknown;
  /** Some name servers and middle boxes fail on NAPTR and SRV alone: the addresses are asked for all the same. */
  const noneOnFailure = async <T>(query: Promise<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await query;
    } catch (error) {
      failure = error;
      return [];
    }
  };

  const bySrv = async (service: TransportName, name: string): Promise<Candidate[]> => {
    const records = await noneOnFailure(dns.srv(name));
    // A record with the target "." says that the service is decidedly not available (RFC 2782).
    const present = records.filter((record) => record.name !== '' && record.name !== '.');
    if (records.length > 0 && present.length === 0) {
      throw sendFailure('unreachable', `${host} does not offer SIP by ${service}`);
    }
    return orderSrv(present, random).map((r) => ({ transport: service, host: r.name, port: r.port }));
  };

  const byNaptr = async (): Promise<Candidate[]> => {
    const records = [...(await noneOnFailure(dns.naptr(host)))].sort(
      (a, b) => a.order - b.order || a.preference - b.preference,
    );
    const candidates: Candidate[] = [];
    for (const record of records) {
      const service = naptrServices[record.service.toUpperCase()];
      if (service === undefined || !usable.includes(service) || record.replacement === '') continue;
      const flag = record.flags.toLowerCase();
      if (flag === 's') candidates.push(...(await bySrv(service, record.replacement)));
      else if (flag === 'a') {
        candidates.push({ transport: service, host: record.replacement, port: defaultPort(service) });
      }
    }
    return candidates;
  };

  const candidates = async (): Promise<Candidate[]> => {
    const direct = [{ transport, host, port: uri.port ?? defaultPort(transport) }];
    if (uri.port !== undefined) return direct;
    if (demanded !== undefined) {
      const found = await bySrv(demanded, serviceNames[demanded] + host);
      return found.length > 0 ? found : direct;
    }
    const named = await byNaptr();
    if (named.length > 0) return named;
    // Preferred transport first, then the others we can send by.
    const order = [transport, ...usable.filter((t) => t !== transport)];
    const answers = await Promise.allSettled(order.map((t) => bySrv(t, serviceNames[t] + host)));
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length > 0) return found;
    if (answers[0]?.status === 'rejected') throw answers[0].reason;
    return direct;
  };

  const addressesOf = async (name: string): Promise<string[]> => {
    if (isIP(name)) return families.includes(isIPv6(name) ? 'ipv6' : 'ipv4') ? [name] : [];
    const asked = await Promise.allSettled(families.map((f) => (f === 'ipv4' ? dns.a(name) : dns.aaaa(name))));
    const found = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [...answer.value] : []));
    const failed = asked.find((answer) => answer.status === 'rejected');
    if (found.length === 0 && failed !== undefined) throw failed.reason;
    return found;
  };

  const targets = new Map<string, Target>();
  for (const candidate of (await candidates()).slice(0, maxTargets)) {
    try {
      for (const address of await addressesOf(candidate.host)) {
        const target = { transport: candidate.transport, address, port: candidate.port, host };
        targets.set(`${target.transport} ${address} ${target.port}`, target);
      }
    } catch (error) {
      // One name server's failure for one name does not take the other targets away.
      failure = error;
    }
  }
  if (targets.size > 0) return [...targets.values()].slice(0, maxTargets);
  if (failure !== undefined) throw sendFailure('unreachable', `name servers do not answer: ${textOf(failure)}`);
  throw sendFailure('unreachable', `${host} has no address in DNS`);
};

/**
 * The places a request for a URI may be sent to, best first (RFC 3263 section 4): NAPTR, then SRV with priorities and
 * weights, then A and AAAA; none of it for numeric hosts, no NAPTR and SRV with an explicit port or transport as the
 * RFC says. Every target carries the URI's own host, against which TLS checks the certificate (RFC 5922 section 4).
 * Rejects with SendFailure when nothing is found, with the signal's reason when it aborts.
 */
export const resolveTargets = (uri: SipUri, options: ResolveOptions): Promise<Target[]> => {
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips') {
    return Promise.reject(sendFailure('unreachable', `a ${uri.scheme} URI names no SIP server`));
  }
  return unlessAborted(findTargets(uri, options), options.signal);
};
