import { createDns } from './dns.js';
import { resolveTargets } from './resolver.js';
import type { Target } from './transport.js';
import { isSendFailure } from './transports/failure.js';
import { connectTls } from './transports/tls.js';
import { parseUri } from './uri.js';

/** A look at how a SIP URI is reached, as a request would go; nothing is sent but questions to name servers. */
export type Inspection =
  | { readonly ok: true; readonly targets: readonly Target[] }
  | { readonly ok: false; readonly detail: string };

const detailOf = (error: unknown): string => {
  if (isSendFailure(error)) return error.detail;
  return error instanceof Error ? error.message : String(error);
};

/** Where requests to a SIP URI go (RFC 3263): best first. `servers`: name servers, default the system's. Never rejects. */
export const inspectUri = async (
  text: string,
  options: { readonly timeout: number; readonly servers?: readonly string[] },
): Promise<Inspection> => {
  const uri = parseUri(text);
  if (uri === undefined) return { ok: false, detail: 'it is no SIP URI' };
  const late = AbortSignal.timeout(options.timeout);
  try {
    const dns = createDns(options.servers === undefined ? {} : { servers: options.servers });
    return { ok: true, targets: await resolveTargets(uri, { dns, signal: late }) };
  } catch (error) {
    return { ok: false, detail: late.aborted ? 'name servers do not answer in time' : detailOf(error) };
  }
};

/** The certificate a target shows, checked as for a call. `authorities`: PEM, besides the system's. Never rejects. */
export const inspectTls = async (
  target: Target,
  timeout: number,
  authorities?: string,
): Promise<{ readonly ok: true; readonly validTo: Date } | { readonly ok: false; readonly detail: string }> => {
  try {
    const local = { transport: 'tls', address: '0.0.0.0', port: 0 } as const;
    const socket = await connectTls(target, local, authorities === undefined ? undefined : { authorities }, timeout);
    const validTo = new Date(socket.getPeerCertificate().valid_to);
    socket.on('error', () => {});
    socket.destroy();
    return { ok: true, validTo };
  } catch (error) {
    return { ok: false, detail: detailOf(error) };
  }
};
