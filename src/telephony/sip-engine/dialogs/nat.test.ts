import { expect, it } from 'vitest';
import type { Flow } from '../transport.js';
import { leadsBack } from './nat.js';

const flow = (transport: Flow['transport'], remotePort: number): Flow => ({
  ...{ transport, localAddress: '192.0.2.1', localPort: 5061, remoteAddress: '54.172.60.0', remotePort },
  connectionId: transport === 'udp' ? undefined : 1,
});

/** A carrier's edge that connected to us, and one that we connected to. */
const came = flow('tls', 58_540);
const went = flow('tls', 5061);
const edge = '<sip:54.172.60.0:5061;transport=tls;r2=on;lr>';
const behind = 'sip:+14155550123@172.25.75.240:5060;transport=udp';

const rows: readonly [string, Flow, 'uas' | 'uac', readonly string[], string, boolean][] = [
  ['the route is the host that called', came, 'uas', [edge, '<sip:54.172.60.0;r2=on;lr>'], behind, true],
  ['the route is the host and port that were called', went, 'uac', [edge], behind, true],
  ['the route is another port of the host that was called', went, 'uac', [edge.replace('5061', '5071')], behind, false],
  ['the route is another host', came, 'uas', ['<sip:54.172.60.1:5061;transport=tls;lr>'], behind, false],
  [
    'the route is a name, which only DNS knows',
    came,
    'uas',
    ['<sip:edge.example.com;transport=tls;lr>'],
    behind,
    false,
  ],
  ['the route names no transport', came, 'uas', ['<sip:54.172.60.0;lr>'], behind, true],
  ['the route wants another transport', came, 'uas', ['<sip:54.172.60.0;transport=tcp;lr>'], behind, false],
  ['the route is a sips: address', came, 'uas', ['<sips:54.172.60.0;lr>'], behind, true],
  ['there is no route and the contact is elsewhere', went, 'uac', [], behind, false],
  ['there is no route and the contact is the host', went, 'uac', [], 'sip:a@54.172.60.0:5061;transport=tls', true],
  ['it is UDP', flow('udp', 5060), 'uas', ['<sip:54.172.60.0;lr>'], behind, false],
];

it.each(rows)('requests take the connection of the call or not: %s', (_name, on, role, routes, contact, expected) => {
  expect(leadsBack(routes, contact, on, role)).toBe(expected);
});
