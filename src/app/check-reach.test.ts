import { expect, it } from 'vitest';
import { reachChecks } from './check-reach.js';
import { readConfig } from './config.js';

const states = (env: Record<string, string>): readonly string[] =>
  reachChecks(readConfig({ env, file: null, cwd: '/' })).map(({ name, state }) => `${name}: ${state}`);

it.each<[string, Record<string, string>, readonly string[]]>([
  ['everything on loopback', {}, ['warning', 'ok', 'warning']],
  [
    'SIP for the network, media for the machine',
    { SIP_LISTEN: 'udp:10.0.0.5:5060', HTTP_LISTEN: '10.0.0.5:8080' },
    ['warning', 'failed', 'warning'],
  ],
  [
    'SIP for the world, media for the network',
    { SIP_LISTEN: 'udp:10.0.0.5:5060', SIP_PUBLIC_ADDRESS: '203.0.113.5', RTP_ADDRESS: '10.0.0.5' },
    ['ok', 'failed', 'warning'],
  ],
  [
    'all for the world',
    {
      ...{ SIP_LISTEN: 'udp:10.0.0.5:5060', SIP_PUBLIC_ADDRESS: '203.0.113.5', RTP_ADDRESS: '10.0.0.5' },
      ...{ RTP_PUBLIC_ADDRESS: '203.0.113.5', PUBLIC_URL: 'https://voice.example.com' },
    },
    ['ok', 'ok', 'ok'],
  ],
  [
    'a drachtio-server receives SIP',
    { DRACHTIO_HOST: 'sip.example.com', PUBLIC_URL: 'http://voice.example.com' },
    ['ok', 'ok', 'warning'],
  ],
])('the addresses we give out fit together, or it is said: %s', (_name, env, expected) => {
  const names = ['public address', 'media address', 'public URL'];
  expect(states(env)).toEqual(names.map((name, index) => `${name}: ${expected[index]}`));
});
