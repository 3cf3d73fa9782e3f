import { z } from 'zod';

export type Endpoint = { readonly host: string; readonly port: number };
export type SipListenPoint = Endpoint & { readonly transport: 'udp' | 'tcp' | 'tls' };

const hostPort = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/;

const parseHostPort = (text: string): Endpoint | undefined => {
  const match = hostPort.exec(text.trim());
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
};

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

export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
