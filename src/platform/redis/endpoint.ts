import { GatewayError } from '../../core/errors.js';

type NodeOptions = {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: { readonly servername?: string };
};

type SharedOptions = Omit<NodeOptions, 'host' | 'port' | 'db'>;
type Node = { readonly host: string; readonly port: number };

/** Where Redis is. `name` is for messages: it never holds the password. */
export type RedisEndpoint =
  | { readonly kind: 'socket'; readonly name: string; readonly path: string }
  | { readonly kind: 'single'; readonly name: string; readonly options: NodeOptions }
  | {
      readonly kind: 'cluster';
      readonly name: string;
      readonly nodes: readonly Node[];
      readonly options: SharedOptions;
    }
  | {
      /** Redis is wherever the sentinels say that the master of this name is. */
      readonly kind: 'sentinel';
      readonly name: string;
      readonly sentinels: readonly Node[];
      readonly master: string;
      readonly options: Omit<NodeOptions, 'host' | 'port'>;
      readonly credentials: { readonly username?: string; readonly password?: string };
    };

const invalid = (why: string): GatewayError => new GatewayError('config_invalid', `REDIS_URL ${why}.`);

const decoded = (text: string, part: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`has a ${part} with a broken percent sign; write % as %25`);
  }
};

const parseNode = (text: string): NodeOptions => {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text itself is not repeated: it may hold a password.
    throw invalid('is not a URL; it looks like redis://host:6379 or rediss://user:password@host:6379/0');
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw invalid(`starts with ${url.protocol}// where redis://, rediss://, sentinel:// or unix:// is known`);
  }
  if (url.hostname === '') throw invalid('names no host');
  const path = url.pathname.replace(/^\//, '');
  if (!/^\d{0,4}$/.test(path)) throw invalid(`has the path "${path}" where the number of a database may stand`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username === '' ? {} : { username: decoded(url.username, 'user name') }),
    ...(url.password === '' ? {} : { password: decoded(url.password, 'password') }),
    ...(path === '' ? {} : { db: Number(path) }),
    ...(url.protocol === 'rediss:' ? { tls: { servername: host } } : {}),
  };
};

const hostPort = (node: Node): string => `${node.host}:${node.port}`;

const sentinelForm = /^(sentinels?):\/\/(?:([^@/?]*)@)?([^@/?]+)\/([^/?]+)(?:\/(\d{1,4}))?(?:\?(.*))?$/;

/**
 * `sentinel://[user:password@]host[:port],…/master[/database][?username=…&password=…]`, `sentinels://` for TLS. User and
 * password before the hosts are those of Redis, the ones behind the question mark those of the sentinels.
 */
const parseSentinels = (text: string): RedisEndpoint => {
  const [, scheme, login, hosts = '', master = '', db, query] = sentinelForm.exec(text) ?? [];
  if (scheme === undefined) {
    throw invalid('is no address of sentinels; it looks like sentinel://host:26379,host:26379/name-of-the-master');
  }
  const sentinels = hosts.split(',').map((host) => {
    const node = parseNode(`redis://${host.trim()}`);
    return { host: node.host, port: /:\d+$/.test(host.trim()) ? node.port : 26_379 };
  });
  const { username, password } = parseNode(`redis://${login === undefined ? '' : `${login}@`}redis`);
  const asked = new URLSearchParams(query ?? '');
  const unknown = [...asked.keys()].find((name) => name !== 'username' && name !== 'password');
  if (unknown !== undefined) throw invalid(`has the unknown option "${unknown.slice(0, 40)}" behind the question mark`);
  return {
    kind: 'sentinel',
    name: `${decoded(master, 'name of a master')} by ${sentinels.map(hostPort).join(',')}`,
    sentinels,
    master: decoded(master, 'name of a master'),
    options: {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(db === undefined ? {} : { db: Number(db) }),
      ...(scheme === 'sentinels' ? { tls: {} } : {}),
    },
    credentials: {
      ...(asked.has('username') ? { username: asked.get('username') ?? '' } : {}),
      ...(asked.has('password') ? { password: asked.get('password') ?? '' } : {}),
    },
  };
};

/**
 * Reads where Redis is from a URL or a socket path. Several URLs separated by commas are the first nodes of a Redis
 * Cluster; user, password and TLS are those of the first. `sentinel://…` asks sentinels. Throws GatewayError `config_invalid`.
 */
export const redisEndpoint = (from: { readonly url?: string; readonly socketPath?: string }): RedisEndpoint => {
  if (from.socketPath !== undefined) return { kind: 'socket', name: `unix:${from.socketPath}`, path: from.socketPath };
  if (from.url === undefined || from.url.trim() === '') throw invalid('is empty');
  if (/^sentinels?:/.test(from.url.trim())) return parseSentinels(from.url.trim());
  const texts = from.url.split(',').map((text) => text.trim());
  const [first] = texts;
  if (first === undefined) throw invalid('is empty');
  if (first.startsWith('unix:')) {
    const path = decoded(first.replace(/^unix:(\/\/)?/, ''), 'path');
    return { kind: 'socket', name: `unix:${path}`, path };
  }
  const nodes = texts.map(parseNode);
  const [node] = nodes;
  if (node === undefined) throw invalid('is empty');
  if (nodes.length === 1) return { kind: 'single', name: hostPort(node), options: node };
  if (nodes.some((each) => (each.db ?? 0) !== 0))
    throw invalid('names a database, but a Redis Cluster has only database 0');
  const { host: _host, port: _port, db: _db, ...options } = node;
  return {
    kind: 'cluster',
    name: nodes.map(hostPort).join(','),
    nodes: nodes.map(({ host, port }) => ({ host, port })),
    options,
  };
};
