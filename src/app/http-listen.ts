export type Endpoint = { readonly host: string; readonly port: number };

const hostPort = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/;

/** `host:port`, IPv6 in brackets; undefined when it is not. */
export const parseHostPort = (text: string): Endpoint | undefined => {
  const match = hostPort.exec(text.trim());
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
};

export const defaultHttpListen = '127.0.0.1:8080';

const inFile = async (env: Readonly<Record<string, string | undefined>>): Promise<unknown> => {
  const { readConfigFile } = await import('./config-file.js');
  const file = readConfigFile(env);
  const http = typeof file === 'object' && file !== null && 'http' in file ? file.http : null;
  return typeof http === 'object' && http !== null && 'listen' in http ? http.listen : undefined;
};

/**
 * Where a gateway with this environment and its gateway.yaml listens for HTTP, read as a start reads it but without the
 * rest: a health check comes every few seconds, and the schema alone would cost it a quarter of a second of processor time.
 * Undefined when a start would refuse it.
 */
export const httpListen = async (env: Readonly<Record<string, string | undefined>>): Promise<Endpoint | undefined> =>
  parseHostPort(String(env.HTTP_LISTEN || ((await inFile(env)) ?? defaultHttpListen)));
