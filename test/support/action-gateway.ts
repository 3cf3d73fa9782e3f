import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.js';
import { type HttpsTarget, startHttpsTarget } from './https-target.js';

/** A gateway process that may reach one HTTPS server of this machine, whose authority it trusts. */
export type ActionGateway = {
  readonly shop: HttpsTarget;
  readonly gateway: TestGateway;
  /** What the gateway was started with, for a second instance beside it. */
  readonly env: Readonly<Record<string, string>>;
  /** Calls the API as the operator. */
  call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: Body }>;
  close(): Promise<void>;
};

export const startActionGateway = async (options: TestGatewayOptions = {}): Promise<ActionGateway> => {
  const folder = await mkdtemp(join(tmpdir(), 'vg-actions-'));
  const shop = await startHttpsTarget();
  const authorities = join(folder, 'authorities.pem');
  await writeFile(authorities, shop.authority);
  const env = {
    EGRESS_ALLOW: `localhost|127.0.0.0/8|${shop.port}`,
    EGRESS_AUTHORITIES: authorities,
    ...options.env,
  };
  const gateway = await startGateway({ ...options, env });
  return {
    shop,
    gateway,
    env,
    async call<Body>(method: string, path: string, body?: unknown) {
      const answer = await gateway.api(path, { method, ...(body === undefined ? {} : { body }) });
      return { status: answer.status, body: answer.body as Body };
    },
    async close() {
      await gateway.stop();
      await shop.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
