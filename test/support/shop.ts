import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpsTarget, startHttpsTarget } from './https-target.js';

/** An HTTPS server for actions, and what a gateway's environment needs to say so that it may be reached and is trusted. */
export type Shop = HttpsTarget & { readonly env: Readonly<Record<string, string>> };

/** The order 4711 is on its way; nobody knows another one. */
const orders: HttpsTarget['respond'] = (request, response) => {
  const found = request.url === '/orders/4711';
  response
    .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
    .end(JSON.stringify(found ? { status: 'on its way to the moon' } : { error: 'no such order' }));
};

export const startShop = async (): Promise<Shop> => {
  const folder = await mkdtemp(join(tmpdir(), 'vg-shop-'));
  const target = await startHttpsTarget();
  target.respond = orders;
  const authorities = join(folder, 'authorities.pem');
  await writeFile(authorities, target.authority);
  const close = target.close.bind(target);
  return Object.assign(target, {
    env: { EGRESS_ALLOW: `localhost|127.0.0.0/8|${target.port}`, EGRESS_AUTHORITIES: authorities },
    close: async () => {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  });
};

/** An action that asks a shop where an order is. */
export const orderStatus = (origin: string) => ({
  name: 'Order status',
  description: 'Looks up where an order is',
  method: 'GET',
  url: `${origin}/orders/{order_id}`,
  parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
  response: { '2xx': { outputs: { order_state: 'status' } } },
});
