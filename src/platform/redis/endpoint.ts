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

/** Where Redis is. `name` is for messages: it never holds the password. */
export type RedisEndpoint =
  | { readonly kind: 'socket'; readonly name: string; readonly path: string }
  | { readonly kind: 'single'; readonly name: string; readonly options: NodeOptions }
  | {
      readonly kind: 'cluster';
      readonly name: string;
      readonly nodes: readonly { readonly host: string; readonly port: number }[];
      readonly options: SharedOptions;
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
    throw invalid(`starts with ${url.protocol}// where redis://, rediss:// or unix:// is known`);
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

const hostPort = (node: NodeOptions): string => `${node.host}:${node.port}`;

/**
 * Reads where Redis is from a URL or a socket path. Several URLs separated by commas are the first nodes of a Redis
 * Cluster; user, password and TLS are those of the first. Throws GatewayError `config_invalid`.
 */
export const redisEndpoint = (from: { readonly url?: string; readonly socketPath?: string }): RedisEndpoint => {
  if (from.socketPath !== undefined) return { kind: 'socket', name: `unix:${from.socketPath}`, path: from.socketPath };
  if (from.url === undefined || from.url.trim() === '') throw invalid('is empty');
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
