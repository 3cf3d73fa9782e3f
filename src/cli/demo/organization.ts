/** The numbers and the organization of the demo. */
export const number = '+14155550100';
export const caller = '+14155550123';
export const ticketId = '35436';
export const lineUser = 'support';

/** The document that is applied: one number, one scripted agent, one line to a human. */
export const demoDocument = (peers: {
  readonly linePort: number;
  readonly zendesk: { readonly url: string; readonly email: string; readonly token: string };
}): Readonly<Record<string, unknown>> => ({
  organization: {
    id: 'acme',
    name: 'Acme',
    defaultCountry: 'US',
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
});
