import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HepReceiver, startHepReceiver } from '../support/hep-receiver.js';
import { type HttpsTarget, startHttpsTarget } from '../support/https-target.js';
import { organization } from '../support/organization.js';
import { type OtlpCollector, startOtlpCollector } from '../support/otlp-collector.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { answering, type SipInLine, startLine } from '../support/sip-in-line.js';
import { callerNumber, plainDestination, startTransferRig, type TransferRig } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { startZendeskServer, type ZendeskServer } from '../support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../support/zendesk-webhook.js';

const canaries = {
  collector: 'canary-collector-key-1f',
  homer: 'canary-homer-key-8c',
  variable: 'canary-variable-2e',
  name: 'Canaria Canary',
  mail: 'canary@example.test',
};

const folder = mkdtempSync(join(tmpdir(), 'vg-traces-'));
let collector: OtlpCollector;
let homer: HepReceiver;
let shop: HttpsTarget;
let zendesk: ZendeskServer;
let line: SipInLine;
let rig: TransferRig;

beforeAll(async () => {
  [collector, homer, shop, zendesk] = await Promise.all([
    startOtlpCollector(),
    startHepReceiver(),
    startHttpsTarget(),
    startZendeskServer(),
  ]);
  const authorities = join(folder, 'authorities.pem');
  writeFileSync(authorities, shop.authority);
  rig = await startTransferRig({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${canaries.collector}`,
      HOMER_ADDRESS: '127.0.0.1',
      HOMER_PORT: String(homer.port),
      HOMER_KEY: canaries.homer,
      EGRESS_ALLOW: `localhost|127.0.0.0/8|${shop.port}`,
      EGRESS_AUTHORITIES: authorities,
      LOG_LEVEL: 'trace',
    },
  });
  const phone = await rtpPeer({ codec: 'PCMU' });
  line = await startLine(answering(phone.sdp(), { ringFor: 50 }));
  const { email, token } = zendesk.credentials;
  zendesk.tickets.set('7', { id: 7, requester_id: 9, organization_id: null, via: { channel: 'voice' }, tags: [] });
  zendesk.users.set('9', { id: 9, name: canaries.name, email: canaries.mail, phone: callerNumber });
  await rig.gateway.apply(
    organization([], {
      organization: {
        id: 'acme',
        defaultCountry: 'US',
        zendesk: { baseUrl: zendesk.url, auth: { type: 'apiToken', email, token } },
      },
      agents: [
        {
          id: 'support',
          leg: { type: 'builtin', script: { steps: [{ play: 'agent.wav' }] } },
          transferDestinations: ['line'],
          actions: ['order'],
        },
      ],
      transferDestinations: [
        { ...plainDestination, id: 'line', name: 'Line', type: 'sip', value: `sip:support@127.0.0.1:${line.port}` },
      ],
      actions: [{ name: 'Order', method: 'GET', url: `${shop.origin}/orders/1` }],
      variables: { 'X-Shop-Key': canaries.variable },
    }),
  );
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await line?.stop();
  await Promise.all([collector?.close(), shop?.close(), zendesk?.close()]);
  homer?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a transferred call is one trace at the collector and one ladder at Homer, without secrets', async () => {
  const { gateway } = rig;
  const caller = await rig.call();
  const address = (await gateway.api('/backend/zendesk-v2/voice-prefetch-url')).body as { webhookUrl: string };
  const { pathname } = new URL(address.webhookUrl);
  await sendWebhook(gateway.httpUrl + pathname, renderTrigger({ id: 7, caller: callerNumber }), { query: '?wait=1' });
  await caller.until('the enrichment', ({ timeline }) => timeline.some(({ type }) => type === 'contact.enriched'));
  const { sessionId } = caller;
  const ran = await gateway.api('/v1/actions/order/execute', { method: 'POST', body: { sessionId, attributes: {} } });
  expect(ran.body).toMatchObject({ success: true });
  expect((await caller.transfer({ destination: 'line' }, { wait: true })).body).toMatchObject({ outcome: 'connected' });
  await caller.dialog.bye();
  await caller.until('the end', ({ status }) => status === 'ended');

  const traceId = sessionId.replaceAll('-', '');
  const mine = () => collector.spans.filter((span) => span.traceId === traceId);
  await until('the spans', () => mine().length >= 7, 30_000);
  const root = mine().find(({ name }) => name === 'call');
  const tree = Object.fromEntries(mine().map(({ name, parentSpanId }) => [name, parentSpanId]));
  const under = root?.spanId;
  expect(tree).toEqual({
    call: null,
    ...{ answer: under, agent: under, action: under, prefetch: under, enrichment: under },
    'transfer.attempt': under,
  });
  expect(mine()).toHaveLength(7);
  expect(mine().every(({ failed, begin, end }) => !failed && begin <= end)).toBe(true);
  const fields = Object.fromEntries(mine().map(({ name, attributes }) => [name, attributes]));
  expect(fields).toMatchObject({
    call: {
      ...{ 'session.id': sessionId, 'organization.id': 'acme', 'call.direction': 'inbound' },
      'call.end_reason': 'caller-hangup',
    },
    agent: { 'agent.id': 'support', 'agent.leg': 'builtin', 'agent.end': 'transferred' },
    action: { 'action.name': 'order', 'http.response.status_code': 200 },
    prefetch: { 'prefetch.stamped': true, 'prefetch.match': 'caller_phone' },
    enrichment: { 'enrichment.result': 'enriched' },
    'transfer.attempt': { 'transfer.destination': 'line', 'transfer.outcome': 'connected', 'sip.status': 200 },
  });

  // The shop can go on with the trace.
  const action = mine().find(({ name }) => name === 'action');
  expect(shop.requests.map(({ headers }) => headers.traceparent)).toEqual([`00-${traceId}-${action?.spanId}-01`]);

  const callIds = new Set([String(root?.attributes['sip.call_id'])]);
  const shown = homer.packets.filter((packet) => callIds.has(packet.text(0x11) ?? ''));
  const starts = shown.map((packet) => packet.text(0x0f)?.split(/ sip:|\r\n/)[0]);
  expect(starts).toEqual(expect.arrayContaining(['INVITE', 'SIP/2.0 200 OK', 'ACK', 'BYE']));
  expect(shown.every((packet) => packet.text(0x0e) === canaries.homer && packet.number(0x0b) === 1)).toBe(true);
  const invite = shown.find((packet) => packet.text(0x0f)?.startsWith('INVITE'));
  expect(invite?.number(8)).toBe(gateway.sipPort);
  expect(homer.packets.some((packet) => packet.number(8) === line.port)).toBe(true);

  expect(shop.requests[0]?.headers['x-shop-key']).toBe(canaries.variable);
  expect(collector.requests.every(({ headers }) => headers['x-api-key'] === canaries.collector)).toBe(true);
  const token = pathname.split('/').at(-1) ?? '';
  const secrets = [...Object.values(canaries), zendesk.credentials.token, token, callerNumber, '4155550123'];
  expect(secrets.filter((secret) => collector.received().includes(secret))).toEqual([]);
  // What a person is may be in the log, under `pii`; credentials may not.
  const credentials = [canaries.collector, canaries.homer, canaries.variable, zendesk.credentials.token, token];
  expect(credentials.filter((secret) => gateway.output().includes(secret))).toEqual([]);
});

it('a collector and a Homer that are gone disturb no call, and the gateway ends in time', async () => {
  await collector.close();
  homer.close();
  const caller = await rig.call();
  await caller.dialog.bye();
  await caller.until('the end', ({ endReason }) => endReason === 'caller-hangup');
  rig.gateway.signal('SIGTERM');
  expect(await rig.gateway.exited).toEqual({ code: 0, signal: null });
});
