/**
 * Kamailio as the edge of a line: it admits by source address, speaks TLS 1.2, keeps every INVITE as it came, byte for
 * byte, and passes calls on to a telephone behind it.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { gatewayCertificate } from './tls-certificates.js';
import { untilBound } from './until-bound.js';

export type Kamailio = {
  /** UDP and TCP, and TLS. */
  readonly port: number;
  readonly tlsPort: number;
  /** The INVITEs outside a call, as received. */
  readonly invites: () => readonly Buffer[];
  /** Resolves with the INVITE of this number, counted from 1. */
  invite(number?: number): Promise<Buffer>;
  readonly output: () => string;
  stop(): Promise<void>;
};

export type KamailioOptions = {
  /** Addresses that may call. */
  readonly allow?: readonly string[];
  /** What becomes of others: 403, or not a word. */
  readonly others?: '403' | 'drop';
  /** Where admitted calls go: a SIP URI; left out, they are answered 486. */
  readonly to?: string;
};

const configuration = (folder: string, port: number, tlsPort: number, options: KamailioOptions): string => `#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=2
auto_aliases=no
enable_tls=yes
pv_buffer_size=65536
listen=udp:127.0.0.1:${port}
listen=tcp:127.0.0.1:${port}
listen=tls:127.0.0.1:${tlsPort}
loadmodule "kex.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "permissions.so"
loadmodule "tls.so"
modparam("xlog", "buf_size", 65536)
modparam("permissions", "address_file", "${folder}/allowed")
modparam("tls", "tls_method", "TLSv1.2")
modparam("tls", "certificate", "${folder}/cert.pem")
modparam("tls", "private_key", "${folder}/key.pem")
request_route {
  if (has_totag()) {
    if (loose_route()) t_relay();
    else if (is_method("ACK") && t_check_trans()) t_relay();
    exit;
  }
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (is_method("ACK")) exit;
  if (!allow_source_address("1")) {
    ${options.others === 'drop' ? '' : 'sl_send_reply("403", "Forbidden");'}
    exit;
  }
  if (is_method("INVITE")) xlog("L_ERR", "received=$(mb{s.encode.hexa})=\\n");
  ${
    options.to === undefined
      ? 'sl_send_reply("486", "Busy Here");'
      : `record_route();
  $du = "${options.to}";
  t_relay();`
  }
}
`;

/** Starts it on free ports; ready when it resolves. */
export const startKamailio = async (options: KamailioOptions = {}): Promise<Kamailio> => {
  const folder = mkdtempSync(join(tmpdir(), 'kamailio-'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'kamailio.cfg'), configuration(folder, port, tlsPort, options));
  writeFileSync(
    join(folder, 'allowed'),
    (options.allow ?? ['127.0.0.1']).map((address) => `1 ${address} 32 0 peer\n`).join(''),
  );
  writeFileSync(join(folder, 'cert.pem'), gatewayCertificate.cert);
  writeFileSync(join(folder, 'key.pem'), gatewayCertificate.key);
  const args = ['-DD', '-E', '-f', join(folder, 'kamailio.cfg'), '-P', join(folder, 'pid'), '-Y', folder];
  const child = spawn('kamailio', [...args, '-m', '64', '-M', '8'], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const waiting = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    output += chunk.toString('latin1');
    for (const look of [...waiting]) look();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(force);
    rmSync(folder, { recursive: true, force: true });
  };
  const invites = (): Buffer[] =>
    [...output.matchAll(/received=([0-9a-f]+)=/g)].map(([, hex = '']) => Buffer.from(hex, 'hex'));
  try {
    for (const [where, transport] of [[port, 'udp'] as const, [port, 'tcp'] as const, [tlsPort, 'tcp'] as const]) {
      await Promise.race([
        untilBound(where, '127.0.0.1', transport),
        exited.then(() => {
          throw new Error(`kamailio ended before it listened:\n${output.slice(-3_000)}`);
        }),
      ]);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    tlsPort,
    invites,
    invite: (number = 1) =>
      new Promise((resolve, reject) => {
        const finish = (found: Buffer | null): void => {
          clearTimeout(limit);
          waiting.delete(look);
          if (found !== null) resolve(found);
          else reject(new Error(`kamailio has not received INVITE ${number}:\n${output.slice(-3_000)}`));
        };
        const look = (): void => {
          const found = invites()[number - 1];
          if (found !== undefined) finish(found);
        };
        const limit = setTimeout(() => finish(null), 10_000);
        waiting.add(look);
        look();
      }),
    output: () => output,
    stop,
  };
};
