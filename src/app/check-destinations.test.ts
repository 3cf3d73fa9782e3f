import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DnsServer, startDnsServer } from '../../test/support/dns-server.js';
import { selfCertificate } from '../../test/support/tls-certificates.js';
import type { Probe } from '../telephony/sip/index.js';
import { checkPlace, placesOf } from './check-destinations.js';

let dns: DnsServer;
let secure: Server;
beforeAll(async () => {
  dns = await startDnsServer({
    '_sip._udp.line.example SRV': [
      { type: 'SRV', priority: 1, weight: 1, port: 5070, target: 'a.example' },
      { type: 'SRV', priority: 2, weight: 1, port: 5080, target: 'b.example' },
    ],
    'a.example A': [{ type: 'A', address: '192.0.2.1' }],
    'b.example A': [{ type: 'A', address: '192.0.2.2' }],
    'acme.sip.twilio.com A': [{ type: 'A', address: '192.0.2.3' }],
  });
  secure = createServer({ ...selfCertificate }, (socket) => socket.end());
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await dns?.close();
  await new Promise((resolve) => secure.close(resolve));
});

const answers: Probe = { answered: true, status: 200, reason: 'OK', roundTripMs: 12 };
const silent: Probe = { answered: false, detail: 'nothing came back within 4 s' };
const check = async (uri: string, probe: Probe, secureMedia = false) => {
  const asked: string[] = [];
  const result = await checkPlace(
    { name: 'acme/desk', uri, profile: null, secureMedia },
    {
      probe: async (target) => {
        asked.push(target);
        return probe;
      },
      profiles: () => [],
      from: '203.0.113.5',
      dnsServers: [dns.address],
    },
  );
  return { ...result, asked };
};

it('a line that answers is told with where DNS leads', async () => {
  expect(await check('sip:line@line.example', answers)).toEqual({
    name: 'destination acme/desk',
    state: 'ok',
    says: 'sip:line@line.example: udp 192.0.2.1:5070 and 1 more answers OPTIONS with 200 OK in 12 ms',
    asked: ['sip:line@line.example'],
  });
  expect(await check('sip:line@127.0.0.1', { ...answers, status: 404, reason: 'Not Found' })).toMatchObject({
    state: 'ok',
  });
});

it('one that is silent or forbids is told with the list our address must be on', async () => {
  const line = await check('sip:mongoose@acme.sip.twilio.com', silent);
  expect(line.state).toBe('failed');
  expect(line.says).toContain('nothing came back within 4 s; if the line is right, its IP ranges (Zendesk');
  expect(line.says).toContain('must have 203.0.113.5');
  const forbids = await check('sip:line@127.0.0.1', { ...answers, status: 403, reason: 'Forbidden' });
  expect([forbids.state, forbids.says]).toEqual([
    'warning',
    expect.stringContaining('must have 203.0.113.5 on its list'),
  ]);
});

it('a name that DNS does not know, and a certificate that is not right, are told before anything else', async () => {
  const gone = await check('sip:line@gone.example', answers);
  expect([gone.state, gone.asked]).toEqual(['failed', []]);
  expect(gone.says).toBe('sip:line@gone.example: gone.example has no address in DNS');
  const { port } = secure.address() as AddressInfo;
  const tls = await check(`sip:line@127.0.0.1:${port}`, answers, true);
  expect(tls.asked).toEqual([`sip:line@127.0.0.1:${port};transport=tls`]);
  expect([tls.state, tls.says]).toEqual(['failed', expect.stringContaining(`TLS to 127.0.0.1:${port}: `)]);
});

it('lines and trunks of a document are the places', () => {
  const document = {
    transferDestinations: [
      { id: 'line', type: 'sip', value: 'sip:a@b.example', profile: 'zendesk-sip-in', secureMedia: true },
      { id: 'mobile', type: 'phone', value: '+14155550199', trunk: 'sip:trunk.example' },
      { id: 'nowhere', type: 'phone', value: '+14155550198', trunk: null },
    ],
  };
  expect(placesOf('acme', document)).toEqual([
    { name: 'acme/line', uri: 'sip:a@b.example', profile: 'zendesk-sip-in', secureMedia: true },
    { name: 'acme/mobile', uri: 'sip:trunk.example', profile: null, secureMedia: false },
  ]);
});
