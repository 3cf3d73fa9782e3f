import { afterEach, describe, expect, it } from 'vitest';
import type { TestGateway } from '../support/gateway.js';
import { sharedEnvironment, startInstances } from '../support/instances.js';
import { sessionOf, sessionsOf } from '../support/listed-sessions.js';
import { organization } from '../support/organization.js';
import { dial, type Phone } from '../support/phone.js';
import { rawReply, startRawPeer } from '../support/raw-peer.js';
import { startRedisCluster } from '../support/redis-cluster.js';
import { startSentinelRedis } from '../support/redis-sentinel.js';
import { until } from '../support/until.js';

const patience = 30_000;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const twoOn = async (url: string): Promise<readonly [TestGateway, TestGateway]> => {
  const [one, other] = (await startInstances(2, sharedEnvironment(url))) as [TestGateway, TestGateway];
  cleanups.push(() => Promise.all([one.stop(), other.stop()]));
  return [one, other];
};
const calling = async (
  gateway: TestGateway,
  from: string,
  dtmf?: string,
): Promise<{ readonly phone: Phone; readonly id: string }> => {
  const phone = dial({ sipPort: gateway.sipPort, from, ...(dtmf === undefined ? {} : { dtmf }) });
  cleanups.push(async () => {
    phone.hangUp();
    await phone.done.catch(() => {});
  });
  await phone.answered;
  const found = await until('the session', async () =>
    (await sessionsOf(gateway, 'live=true')).find(({ caller, status }) => caller.e164 === from && status === 'active'),
  );
  return { phone, id: found.id };
};
const ended = (gateway: TestGateway, id: string) =>
  until(
    'the end of the session',
    async () => {
      const session = await sessionOf(gateway, id);
      return session.status === 'ended' ? session : null;
    },
    patience,
  );
const hangUp = async (gateway: TestGateway, id: string): Promise<void> => {
  expect((await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' })).status).toBeLessThan(300);
};

describe('two gateways on a Redis Cluster', () => {
  it('stamp, act, transfer, call out and hang up, whichever of them is asked', { timeout: 120_000 }, async () => {
    const cluster = await startRedisCluster();
    cleanups.push(() => cluster.stop());
    const busy = await startRawPeer((message, self) => {
      if (message.method === 'INVITE') self.send(rawReply(message, '486 Busy Here'));
    });
    cleanups.push(async () => busy.close());
    const [one, other] = await twoOn(cluster.url);
    await one.apply(
      organization([{ wait: 300 }], {
        organization: { id: 'acme', name: 'Acme', defaultCountry: 'US', zendesk: { subdomain: 'acme' } },
        agents: [
          {
            ...{ id: 'support', name: 'Support', transferDestinations: ['line'], actions: ['inside'] },
            leg: { type: 'builtin', script: { steps: [{ wait: 300 }] } },
          },
        ],
        transferDestinations: [{ id: 'line', name: 'Line', type: 'sip', value: `sip:line@127.0.0.1:${busy.port}` }],
        actions: [{ name: 'Inside', method: 'GET', url: 'https://127.0.0.1:9/x' }],
      }),
    );
    const endpoint = { url: 'https://receiver.invalid/hook', events: ['phone_call.ended'] };
    expect((await other.api('/v1/webhooks', { method: 'POST', body: endpoint })).status).toBeLessThan(300);
    const { id } = await calling(one, '+14155550123');
    const { body } = await other.api('/backend/zendesk-v2/voice-prefetch-url');
    const path = new URL((body as { webhookUrl: string }).webhookUrl).pathname;
    const stamped = await fetch(`${other.httpUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ticket_id: 35_436, caller_phone: '+14155550123', subject: 'Phone call' }),
    });
    expect(await stamped.json()).toMatchObject({ success: true });
    const post = (where: TestGateway, what: string, more: unknown) => where.api(what, { method: 'POST', body: more });
    expect(await post(other, `/v1/sessions/${id}/actions/inside`, {})).toMatchObject({ body: { success: false } });
    expect((await other.api('/v1/runs')).body).toMatchObject({ items: [{ sessionId: id }] });
    expect(await post(other, `/v1/sessions/${id}/transfer?wait=1`, { destination: 'line' })).toMatchObject({
      body: { outcome: 'busy' },
    });
    const placed = await post(other, '/v1/calls', { agent: 'support', to: 'line' });
    expect(placed).toMatchObject({ status: 202 });
    expect((await ended(one, (placed.body as { id: string }).id)).status).toBe('ended');
    await hangUp(other, id);
    const session = await ended(other, id);
    expect(session).toMatchObject({ endReason: 'api-hangup', zendeskTicketId: '35436' });
    expect(session.timeline.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['prefetch.stamped', 'action.run', 'transfer.failed', 'call.ended']),
    );
    for (const gateway of [one, other]) {
      expect(gateway.log().filter(({ level }) => level === 'error')).toEqual([]);
    }
  });
});

describe('two gateways on a Redis that sentinels watch', () => {
  it('follow a fail-over in their calls, and nothing said meanwhile is lost', { timeout: 150_000 }, async () => {
    const redis = await startSentinelRedis();
    cleanups.push(() => redis.stop());
    const [one, other] = await twoOn(redis.url);
    await one.apply(organization([{ ask: { digits: 8, timeout: 120 } }, { hangup: {} }]));
    const first = await calling(one, '+14155550121', '5@2');
    const second = await calling(other, '+14155550122');
    const ready = async (): Promise<readonly number[]> =>
      Promise.all([one, other].map(async ({ httpUrl }) => (await fetch(`${httpUrl}/readyz`)).status));
    await redis.killMaster();
    await until('both to notice', async () => (await ready()).every((status) => status === 503), patience);
    await until('both to have the new master', async () => (await ready()).every((status) => status === 200), 90_000);
    const whole = await until(
      'the key pressed about then to be on the timeline',
      async () => {
        const session = await sessionOf(other, first.id);
        return session.timeline.some(({ type }) => type === 'dtmf.received') ? session : null;
      },
      patience,
    );
    expect(whole.status).toBe('active');
    for (const type of ['call.received', 'call.answered', 'agent.started', 'dtmf.received']) {
      expect(
        whole.timeline.filter((entry) => entry.type === type),
        type,
      ).toHaveLength(1);
    }
    // Commands go by subscriptions, which have moved as well.
    await hangUp(other, first.id);
    await hangUp(one, second.id);
    for (const { id, phone } of [first, second]) {
      expect((await ended(one, id)).endReason).toBe('api-hangup');
      await phone.done;
    }
    const { id } = await calling(other, '+14155550124');
    expect((await sessionOf(one, id)).status).toBe('active');
  });
});
