import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HttpsTarget, startHttpsTarget } from '../../../test/support/https-target.js';
import type { SessionView } from './session-view.js';
import type { Story } from './story.js';

/** The order the caller's agent asks for, and what the shop knows of it. */
export const orderId = '4711';
export const orderState = 'on its way';
/** The key that every action sends; it may be seen by the shop alone. */
export const shopKey = 'demo-key-of-the-shop';

export type Shop = {
  readonly target: HttpsTarget;
  /** What the gateway must be told to reach a server of this machine: by default it reaches none. */
  readonly env: Readonly<Record<string, string>>;
};

/** A shop of the customer's: an HTTPS server whose certificate an authority of the demo's own has signed. */
export const startShop = async (folder: string): Promise<Shop> => {
  const target = await startHttpsTarget();
  target.respond = (request, response) => {
    const found = request.method === 'GET' && request.url === `/orders/${orderId}`;
    response
      .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(found ? { status: orderState } : { error: 'there is no such order' }));
  };
  const authorities = join(folder, 'shop-authority.pem');
  await writeFile(authorities, target.authority);
  return {
    target,
    env: { EGRESS_ALLOW: `localhost|127.0.0.0/8|${target.port}`, EGRESS_AUTHORITIES: authorities },
  };
};

/** What the shop received and what the session tells of it. */
export const checkShop = (story: Story, { target }: Shop, session: SessionView): void => {
  const [request] = target.requests;
  story.check(
    target.requests.length === 1 && request?.url === `/orders/${orderId}`,
    `the shop was asked for order ${orderId}, once`,
    target.requests.map(({ method, url }) => `${method} ${url}`).join(', '),
  );
  const headers = request?.headers ?? {};
  story.check(headers['x-api-key'] === shopKey, "the request carried the shop's key");
  story.check(headers['user-agent'] === 'OpenCX', 'it named itself OpenCX', String(headers['user-agent']));
  story.check(
    headers['x-opencx-session-id'] === session.id,
    'it carried the id of the session',
    String(headers['x-opencx-session-id']),
  );
  const run = session.timeline.find((entry) => entry.type === 'action.run');
  story.check(run?.data.success === true, 'the timeline has action.run, with success', JSON.stringify(run?.data));
  const said = session.timeline.some((entry) => entry.data.text === `Your order is ${orderState}.`);
  story.check(said, `the agent told the caller: "Your order is ${orderState}."`);
  story.check(!JSON.stringify(session).includes(shopKey), "the shop's key is not in the session");
};
