import { z } from 'zod';
import { type IpRange, parseIpRange } from '../telephony/sip/ip-range.js';
import { type Endpoint, parseHostPort } from './http-listen.js';

export type SipListenPoint = Endpoint & { readonly transport: 'udp' | 'tcp' | 'tls' };

/** `host:port`; IPv6 in brackets; port 0 lets the system choose. */
export const endpoint = z.string().transform((value, context): Endpoint => {
  const parsed = parseHostPort(value);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `"${value}" is not host:port` });
  return z.NEVER;
});

/** `udp:host:port,tcp:host:port,tls:host:port`, as one text or a list. */
export const sipListen = z
  .union([z.string(), z.array(z.string())])
  .transform((value, context): readonly SipListenPoint[] => {
    const entries = (Array.isArray(value) ? value : value.split(',')).map((entry) => entry.trim());
    const points: SipListenPoint[] = [];
    for (const entry of entries) {
      const match = /^(udp|tcp|tls):(.+)$/.exec(entry);
      const parsed = match?.[2] === undefined ? undefined : parseHostPort(match[2]);
      if (match === null || parsed === undefined) {
        context.addIssue({
          code: 'custom',
          message: `"${entry}" is not udp:host:port, tcp:host:port or tls:host:port`,
        });
        return z.NEVER;
      }
      points.push({ transport: match[1] as SipListenPoint['transport'], ...parsed });
    }
    return points;
  });

export type ServerPoint = { readonly transport: 'tcp' | 'tls'; readonly host: string; readonly port: number | null };

/** `host`, `host:port`, `tls:host:port`: one or several, as one text separated by commas or a list. */
export const serverList = z
  .union([z.string(), z.array(z.string())])
  .transform((value, context): readonly ServerPoint[] => {
    const entries = (Array.isArray(value) ? value : value.split(',')).map((entry) => entry.trim());
    const points: ServerPoint[] = [];
    for (const entry of entries) {
      const [, transport = 'tcp', rest = ''] = /^(?:(tcp|tls):)?(.*)$/.exec(entry) ?? [];
      const withPort = parseHostPort(rest);
      const host = withPort?.host ?? /^\[?([^\s[\]]+?)\]?$/.exec(rest)?.[1];
      const isHost = host !== undefined && (withPort !== undefined || !host.includes(':') || rest.startsWith('['));
      if (!isHost || (transport !== 'tcp' && transport !== 'tls')) {
        context.addIssue({ code: 'custom', message: `"${entry}" is not host, host:port or tls:host:port` });
        return z.NEVER;
      }
      points.push({ transport, host, port: withPort?.port ?? null });
    }
    return points;
  });

/** `host:port`, one or several, as one text separated by commas or a list. */
export const endpointList = z
  .union([z.string(), z.array(z.string())])
  .transform((value, context): readonly Endpoint[] => {
    const entries = (Array.isArray(value) ? value : value.split(',')).map((entry) => entry.trim());
    const endpoints: Endpoint[] = [];
    for (const entry of entries) {
      const parsed = parseHostPort(entry);
      if (parsed === undefined || parsed.port === 0) {
        context.addIssue({ code: 'custom', message: `"${entry}" is not host:port` });
        return z.NEVER;
      }
      endpoints.push(parsed);
    }
    return endpoints;
  });

/** `host:port` or `tls:host:port`. */
export const listenPoint = z.string().transform((value, context): Endpoint & { readonly tls: boolean } => {
  const tls = value.startsWith('tls:');
  const parsed = parseHostPort(value.replace(/^(tls|tcp):/, ''));
  if (parsed !== undefined) return { ...parsed, tls };
  context.addIssue({ code: 'custom', message: `"${value}" is not host:port or tls:host:port` });
  return z.NEVER;
});

/** CIDR blocks or single addresses, separated by commas. */
export const addressRanges = z.string().transform((value, context): readonly IpRange[] => {
  const ranges: IpRange[] = [];
  for (const entry of value.split(',').map((part) => part.trim())) {
    const range = parseIpRange(entry);
    if (range === null) {
      context.addIssue({ code: 'custom', message: `"${entry}" is not an address or a CIDR block` });
      return z.NEVER;
    }
    ranges.push(range);
  }
  return ranges;
});

/** Names as a `Host` header has them, without port, separated by commas or as a list. */
export const hostNames = z.union([z.string(), z.array(z.string())]).transform((value, context): readonly string[] => {
  const names = (Array.isArray(value) ? value : value.split(',')).map((name) => name.trim().toLowerCase());
  const bad = names.find(
    (name) => !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name),
  );
  if (bad === undefined) return names;
  context.addIssue({ code: 'custom', message: `"${bad}" is not the name of a host` });
  return z.NEVER;
});

/** `name=value,name=value` with percent-encoded values, as OTEL_EXPORTER_OTLP_HEADERS has them. */
export const headerList = z.string().transform((value, context): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {};
  for (const entry of value.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const [, name, encoded = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? [];
    const decoded = decodedText(encoded);
    if (name === undefined || decoded === null) {
      // The entry may be a credential, so it is not repeated.
      context.addIssue({ code: 'custom', message: 'must be name=value, comma-separated, values percent-encoded' });
      return z.NEVER;
    }
    headers[name] = decoded;
  }
  return headers;
});

const decodedText = (encoded: string): string | null => {
  try {
    const text = decodeURIComponent(encoded);
    return /^[\x20-\x7e]*$/.test(text) ? text : null;
  } catch {
    return null;
  }
};

export type PortRange = { readonly from: number; readonly to: number };

/** `from-to`, both included, at least two ports (RTP and RTCP). */
export const portRange = z.string().transform((value, context): PortRange => {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(value.trim());
  const from = Number(match?.[1]);
  const to = Number(match?.[2]);
  if (match !== null && from >= 1 && to <= 65_535 && to > from) return { from, to };
  context.addIssue({ code: 'custom', message: `"${value}" is not a port range such as 20000-29999` });
  return z.NEVER;
});

const file = z.string().trim().min(1, 'must not be empty');

/** Files of TLS, PEM. */
export const tlsFiles = z.strictObject({
  cert: file.describe('PEM file; read again on SIGHUP'),
  key: file.describe('PEM file; read again on SIGHUP'),
  ca: file
    .optional()
    .describe("PEM file of authorities that are trusted besides the system's when we connect; read again on SIGHUP"),
});
export type TlsFiles = z.infer<typeof tlsFiles>;

/** The same files, each path as `at` resolves it. */
export const tlsFilesAt = ({ cert, key, ca }: TlsFiles, at: (path: string) => string): TlsFiles => ({
  ...{ cert: at(cert), key: at(key) },
  ...(ca === undefined ? {} : { ca: at(ca) }),
});

export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
