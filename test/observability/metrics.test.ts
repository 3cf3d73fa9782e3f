import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricCatalogue } from '../../src/platform/telemetry/catalogue.js';
import { organization } from '../support/organization.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { answering, type SipInLine, startLine } from '../support/sip-in-line.js';
import {
  type Caller,
  callerNumber,
  plainDestination,
  startTransferRig,
  type TransferRig,
} from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { startZendeskServer, type ZendeskServer } from '../support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../support/zendesk-webhook.js';

let rig: TransferRig;
let zendesk: ZendeskServer;
let line: SipInLine;
let caller: Caller;
let stopTone: () => void = () => {};

/** Value of a series of the page; all labels must fit. */
const series = (page: string, name: string, labels: Readonly<Record<string, string>> = {}): number => {
  const lines = page.split('\n').filter((text) => {
    if (!(text.startsWith(`${name}{`) || text.startsWith(`${name} `))) return false;
    return Object.entries(labels).every(([label, value]) => text.includes(`${label}="${value}"`));
  });
  return lines.reduce((sum, text) => sum + Number(text.slice(text.lastIndexOf(' ') + 1)), 0);
};

const page = async (): Promise<string> => (await fetch(`${rig.gateway.httpUrl}/metrics`)).text();

beforeAll(async () => {
  [rig, zendesk] = await Promise.all([startTransferRig(), startZendeskServer()]);
  const phone = await rtpPeer({ codec: 'PCMU' });
  line = await startLine(answering(phone.sdp(), { ringFor: 50 }));
  const { email, token } = zendesk.credentials;
  zendesk.tickets.set('7', { id: 7, requester_id: 9, organization_id: null, via: { channel: 'voice' }, tags: [] });
  zendesk.users.set('9', { id: 9, name: 'Ada', email: 'ada@example.test', phone: callerNumber, organization_id: null });
  await rig.gateway.apply(
    organization([{ play: 'agent.wav' }], {
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
          actions: ['inside'],
        },
      ],
      transferDestinations: [
        { ...plainDestination, id: 'line', name: 'Line', type: 'sip', value: `sip:support@127.0.0.1:${line.port}` },
      ],
      actions: [{ name: 'Inside', method: 'GET', url: 'https://127.0.0.1:9/x' }],
    }),
  );
  caller = await rig.call();
  stopTone = caller.phone.tone(1_000);
}, 60_000);

afterAll(async () => {
  stopTone();
  await rig?.close();
  await line?.stop();
  await zendesk?.close();
});

describe('the metrics of a running gateway', () => {
  it('show a live call and what the gateway stands on', async () => {
    const text = await page();
    expect(series(text, 'voice_gateway_sessions_live')).toBe(1);
    expect(series(text, 'voice_gateway_media_legs')).toBe(1);
    expect(series(text, 'voice_gateway_media_ports_free')).toBeGreaterThan(0);
    expect(series(text, 'voice_gateway_dependency_up', { dependency: 'redis' })).toBe(1);
    expect(series(text, 'voice_gateway_dependency_up', { dependency: 'sip' })).toBe(1);
    expect(series(text, 'voice_gateway_invites_total', { profile: 'local', result: 'answered' })).toBe(1);
    expect(series(text, 'voice_gateway_answer_delay_seconds_count', { profile: 'local' })).toBe(1);
    expect(series(text, 'voice_gateway_draining')).toBe(0);
  });

  it('move with every part of a call', async () => {
    const { api, httpUrl } = rig.gateway;
    const address = (await api('/backend/zendesk-v2/voice-prefetch-url')).body as { webhookUrl: string };
    const path = new URL(address.webhookUrl).pathname;
    await sendWebhook(`${httpUrl}${path}`, renderTrigger({ id: 7, caller: callerNumber }), { query: '?wait=1' });
    await caller.until('the enrichment', ({ timeline }) => timeline.some(({ type }) => type === 'contact.enriched'));
    await api('/v1/actions/inside/execute', { method: 'POST', body: { sessionId: caller.sessionId, attributes: {} } });
    expect(await caller.transfer({ destination: 'line' }, { wait: true })).toMatchObject({
      body: { outcome: 'connected' },
    });
    stopTone();
    await caller.dialog.bye();
    await caller.until('the end', ({ status }) => status === 'ended');
    const refused = await rig.application.server.place({
      uri: `sip:+14155559999@127.0.0.1:${rig.gateway.sipPort}`,
      profile: 'local',
      from: { user: callerNumber, display: null, privacy: false },
      headers: {},
      offer: caller.phone.sdp(),
      ringTimeout: 5_000,
      events: { ended: () => {}, offered: async () => '' },
    });
    expect(refused).toMatchObject({ outcome: 'failed', status: 404 });

    const text = await until('the figures of the closed legs', async () => {
      const latest = await page();
      return series(latest, 'voice_gateway_media_packets_total', { direction: 'received' }) > 0 ? latest : null;
    });
    const moved = (name: string, labels?: Readonly<Record<string, string>>): number => series(text, name, labels);
    expect(moved('voice_gateway_prefetch_total', { result: 'stamped' })).toBe(1);
    expect(moved('voice_gateway_enrichment_total', { result: 'enriched' })).toBe(1);
    expect(moved('voice_gateway_action_duration_seconds_count', { group: 'refused' })).toBe(1);
    expect(moved('voice_gateway_transfer_attempts_total', { type: 'sip', outcome: 'connected' })).toBe(1);
    expect(moved('voice_gateway_post_dial_delay_seconds_count', { profile: 'local' })).toBe(1);
    expect(moved('voice_gateway_sessions_ended_total', { reason: 'caller-hangup' })).toBe(1);
    expect(moved('voice_gateway_sessions_live')).toBe(0);
    expect(moved('voice_gateway_rejects_total', { reason: 'unknown-number' })).toBe(1);
    expect(moved('voice_gateway_invites_total', { result: 'rejected' })).toBe(1);
    expect(moved('voice_gateway_media_packets_total', { direction: 'sent' })).toBeGreaterThan(0);
    expect(moved('voice_gateway_media_jitter_seconds_count')).toBeGreaterThan(0);
    expect(
      moved('voice_gateway_http_request_duration_seconds_count', { method: 'POST', group: '2xx' }),
    ).toBeGreaterThan(0);
    expect(moved('voice_gateway_nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
    for (const { name, kind } of Object.values(metricCatalogue)) {
      expect(text, `${name} is on the page`).toContain(`# TYPE ${name} ${kind}`);
    }
    // Nobody outside chooses a label: the series are as many as the closed sets allow.
    expect(text).not.toContain('14155550');
  });

  it('say when the gateway drains', async () => {
    const last = await rig.call();
    rig.gateway.signal('SIGTERM');
    await until('draining', async () => (series(await page(), 'voice_gateway_draining') === 1 ? true : null));
    await last.dialog.bye();
    expect(await rig.gateway.exited).toMatchObject({ code: 0 });
  });
});
