import { orderId, shopKey } from './shop.js';

/** The numbers and the organization of the demo. */
export const number = '+14155550100';
export const caller = '+14155550123';
export const ticketId = '35436';
export const lineUser = 'support';

/** The document that is applied: one number, one scripted agent with an action, one line to a human. */
export const demoDocument = (peers: {
  readonly linePort: number;
  /** Origin of the shop. */
  readonly shop: string;
  readonly zendesk: { readonly url: string; readonly email: string; readonly token: string };
}): Readonly<Record<string, unknown>> => ({
  organization: {
    id: 'acme',
    name: 'Acme',
    defaultCountry: 'US',
    contextHeaders: true,
    zendesk: {
      baseUrl: peers.zendesk.url,
      auth: { type: 'apiToken', email: peers.zendesk.email, token: peers.zendesk.token },
    },
  },
  numbers: [{ number, agent: 'support', profile: 'local', verified: true }],
  agents: [
    {
      id: 'support',
      name: 'Support',
      transferDestinations: ['zendesk'],
      actions: ['order_status'],
      leg: {
        type: 'builtin',
        script: {
          steps: [
            { say: 'Welcome to Acme.' },
            {
              ask: {
                say: 'Press one to talk to a person.',
                digits: 1,
                timeout: 10,
                choices: {
                  '1': [
                    { action: { name: 'order_status', attributes: { order_id: orderId } } },
                    { say: 'Your order is {order_state}.' },
                    { say: 'Your call is being transferred.' },
                    {
                      transfer: {
                        destination: 'zendesk',
                        failed: [{ say: 'Sorry, nobody can take your call right now.' }],
                      },
                    },
                  ],
                  timeout: [{ say: 'We did not hear a key. Goodbye.' }],
                },
              },
            },
            { hangup: {} },
          ],
        },
      },
    },
  ],
  transferDestinations: [
    {
      id: 'zendesk',
      name: 'Zendesk human agent',
      type: 'sip',
      value: `sip:${lineUser}@127.0.0.1:${peers.linePort}`,
      profile: 'zendesk-sip-in',
      ringTimeout: 15,
    },
  ],
  actions: [
    {
      name: 'Order status',
      description: 'Looks up where an order is',
      method: 'GET',
      url: `${peers.shop}/orders/{order_id}`,
      parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
      response: { '2xx': { outputs: { order_state: 'status' } } },
    },
  ],
  variables: { 'X-Api-Key': shopKey },
});
