import { lookup, Resolver } from 'node:dns/promises';

export type SrvRecord = { name: string; port: number; priority: number; weight: number };
export type NaptrRecord = {
  flags: string;
  service: string;
  regexp: string;
  replacement: string;
  order: number;
  preference: number;
};

/** The questions RFC 3263 asks. No such record is an empty list; a name server that fails or is silent rejects. */
export type Dns = {
  naptr(name: string): Promise<readonly NaptrRecord[]>;
  srv(name: string): Promise<readonly SrvRecord[]>;
  /** IPv4 addresses of a host. */
  a(name: string): Promise<readonly string[]>;
  /** IPv6 addresses of a host. */
  aaaa(name: string): Promise<readonly string[]>;
};

export type DnsOptions = {
  /** Name servers to ask, `address[:port]`; the system's, with its hosts file, when absent. */
  servers?: readonly string[];
  /** ms, for the ages of what is remembered. */
  now?: () => number;
  /** How long one name server is waited for before it is asked once more, ms. */
  timeout?: number;
};

/** Node does not tell the TTL of NAPTR and SRV records; they are kept for as long as a fail-over may wait, ms. */
const recordTtl = 60_000;
/** Addresses are kept as their TTL says, within these bounds, ms. */
const shortestTtl = 1_000;
const longestTtl = 3_600_000;
/** How long it is remembered that a name does not exist, and that a name server failed, ms. */
const negativeTtl = 30_000;
const failureTtl = 2_000;
/** Names come from outside: this many answers are kept. */
const maxEntries = 10_000;

type Answer<T> = { values: readonly T[]; ttl: number };

const noSuchRecord = new Set(['ENODATA', 'ENOTFOUND', 'NODATA', 'NOTFOUND']);

const isNoSuchRecord = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && noSuchRecord.has(String(error.code));

const noneIfAbsent = async <T>(query: Promise<Answer<T>>): Promise<Answer<T>> => {
  try {
    const answer = await query;
    return answer.values.length === 0 ? { values: [], ttl: negativeTtl } : answer;
  } catch (error) {
    if (isNoSuchRecord(error)) return { values: [], ttl: negativeTtl };
    throw error;
  }
};

/** Remembers answers for their time, positive and negative, and joins questions that are asked at the same moment. */
const remembering = <T>(ask: (name: string) => Promise<Answer<T>>, now: () => number) => {
  const known = new Map<string, { answer: Promise<readonly T[]>; until: number }>();
  return (name: string): Promise<readonly T[]> => {
    const key = name.toLowerCase();
    const remembered = known.get(key);
    if (remembered !== undefined && remembered.until > now()) return remembered.answer;
    if (known.size >= maxEntries) known.clear();
    const entry = { answer: Promise.resolve<readonly T[]>([]), until: Number.POSITIVE_INFINITY };
    entry.answer = ask(key).then(
      ({ values, ttl }) => {
        entry.until = now() + ttl;
        return values;
      },
      (error: unknown) => {
        entry.until = now() + failureTtl;
        throw error;
      },
    );
    known.set(key, entry);
    return entry.answer;
  };
};

const addressesOf = (records: readonly { address: string; ttl: number }[]): Answer<string> => ({
  values: records.map((record) => record.address),
  ttl: Math.min(Math.max(Math.min(...records.map((r) => r.ttl)) * 1_000, shortestTtl), longestTtl),
});

/** A DNS client with a cache (RFC 2308 for the negative part) over the system's or the given name servers. */
export const createDns = (options: DnsOptions = {}): Dns => {
  const { servers, now = Date.now, timeout = 2_000 } = options;
  const resolver = new Resolver({ timeout, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);

  const plain = async <T>(query: Promise<T[]>): Promise<Answer<T>> => ({ values: await query, ttl: recordTtl });
  const address = async (name: string, family: 4 | 6): Promise<Answer<string>> => {
    // RFC 6761 section 6.3: this name needs no server.
    if (name === 'localhost') return { values: [family === 4 ? '127.0.0.1' : '::1'], ttl: longestTtl };
    const ttl = { ttl: true } as const;
    const query = family === 4 ? resolver.resolve4(name, ttl) : resolver.resolve6(name, ttl);
    const answer = await noneIfAbsent(query.then(addressesOf));
    if (answer.values.length > 0 || servers !== undefined) return answer;
    // Names of the hosts file and of the local network are known to the system only.
    const found = await lookup(name, { all: true, family }).catch(() => []);
    return found.length === 0 ? answer : { values: found.map((entry) => entry.address), ttl: negativeTtl };
  };

  return {
    naptr: remembering((name) => noneIfAbsent(plain<NaptrRecord>(resolver.resolveNaptr(name))), now),
    srv: remembering((name) => noneIfAbsent(plain<SrvRecord>(resolver.resolveSrv(name))), now),
    a: remembering((name) => address(name, 4), now),
    aaaa: remembering((name) => address(name, 6), now),
  };
};
