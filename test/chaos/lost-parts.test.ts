import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import { getSession, listSessions, type SessionView } from '../support/api-views.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { organization } from '../support/organization.js';
import { dial, type Phone } from '../support/phone.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const waiting = organization([{ ask: { digits: 1, timeout: 120 } }, { hangup: {} }]);

/** What a test leaves behind is ended when it ends, the latest first: the others are still running. */
type Cleanups = Pick<TestContext, 'onTestFinished'>;

const shared = (redis: TestRedis): Readonly<Record<string, string>> => ({
  REDIS_URL: `unix://${redis.socketPath}`,
  ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
  DASHBOARD_JWT_SECRET: 'a secret that only these tests know, long enough',
});

const gatewayOn = async (test: Cleanups, redis: TestRedis): Promise<TestGateway> => {
  const gateway = await startGateway({ env: shared(redis) });
  test.onTestFinished(() => gateway.stop());
  return gateway;
};

const redisOf = async (test: Cleanups): Promise<TestRedis> => {
  const redis = await startTestRedis();
  test.onTestFinished(() => redis.stop());
  return redis;
};

const phoneOn = (test: Cleanups, gateway: TestGateway, from: string, dtmf?: string): Phone => {
  const phone = dial({ sipPort: gateway.sipPort, from, ...(dtmf === undefined ? {} : { dtmf }) });
  test.onTestFinished(async () => {
    phone.hangUp();
    await phone.done.catch(() => {});
  });
  return phone;
};

const sessionOf = (gateway: TestGateway, caller: string): Promise<SessionView> =>
  until(`a session of ${caller}`, async () =>
    (await listSessions(gateway)).find((session) => session.caller.e164 === caller),
  );

const times = (session: SessionView, type: string): number =>
  session.timeline.filter((entry) => entry.type === type).length;

describe.concurrent('a gateway that is killed', () => {
  it('with embedded Redis finds its data again and runs one redis-server', async (test) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'vg-killed-'));
    test.onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    const first = await startGateway({ dataDir });
    test.onTestFinished(() => first.stop());
    await first.apply(waiting);
    const phone = phoneOn(test, first, '+14155550113');
    await phone.answered;
    const session = await sessionOf(first, '+14155550113');
    first.signal('SIGKILL');
    await first.exited;
    const second = await startGateway({ dataDir });
    test.onTestFinished(() => second.stop());
    const servers = execFileSync('pgrep', ['-a', 'redis-server'], { encoding: 'utf8' }).split('\n');
    const record = execFileSync('sh', ['-c', `for p in $(pgrep redis-server); do readlink /proc/$p/cwd; done`], {
      encoding: 'utf8',
    });
    const ours = record.split('\n').filter((folder) => folder.startsWith(dataDir));
    expect(ours.length, servers.join('\n')).toBe(1);
    const found = await until('the session to be ended', async () => {
      const now = await getSession(second, session.id);
      return now.status === 'ended' ? now : null;
    });
    expect(found.endReason).toBe('instance-lost');
    const again = phoneOn(test, second, '+14155550114');
    await again.answered;
  }, 60_000);
});

describe.concurrent('Redis that is gone for 20 seconds in a call', () => {
  const ways: readonly (readonly [
    string,
    (redis: TestRedis) => Promise<void> | void,
    (redis: TestRedis) => Promise<void> | void,
  ])[] = [
    ['stopped', (redis) => redis.pause(), (redis) => redis.resume()],
    ['killed', (redis) => redis.kill(), (redis) => redis.start()],
  ];
  for (const [how, take, giveBack] of ways) {
    it(`(${how}): calls of two gateways go on, new ones get 503, timelines are whole afterwards`, async (test) => {
      const redis = await redisOf(test);
      const [first, second] = [await gatewayOn(test, redis), await gatewayOn(test, redis)];
      await first.apply(organization([{ ask: { digits: 8, timeout: 120 } }, { hangup: {} }]));
      const one = phoneOn(test, first, '+14155550121', '5@6');
      const two = phoneOn(test, second, '+14155550122', '6@6');
      await Promise.all([one.answered, two.answered]);
      await sessionOf(first, '+14155550121');
      await sessionOf(first, '+14155550122');
      await take(redis);
      const begun = performance.now();
      await until(
        'both gateways to notice',
        async () => {
          const states = await Promise.all([first, second].map((gateway) => fetch(`${gateway.httpUrl}/readyz`)));
          return states.every((answer) => answer.status === 503);
        },
        15_000,
      );
      const refused = await phoneOn(test, first, '+14155550123').done;
      expect(refused.status).toBe(503);
      expect(refused.ladder).toContain('503');
      await delay(20_000 - (performance.now() - begun));
      await giveBack(redis);
      await until(
        'both gateways to be ready',
        async () => {
          const states = await Promise.all([first, second].map((gateway) => fetch(`${gateway.httpUrl}/readyz`)));
          return states.every((answer) => answer.status === 200);
        },
        20_000,
      );
      for (const [gateway, caller, digit] of [
        [first, '+14155550121', '5'],
        [second, '+14155550122', '6'],
      ] as const) {
        const session = await sessionOf(gateway, caller);
        const whole = await until('the key pressed meanwhile to be on the timeline', async () => {
          const now = await getSession(gateway, session.id);
          return times(now, 'dtmf.received') > 0 ? now : null;
        });
        expect(whole.status).toBe('active');
        expect(
          whole.timeline.filter((entry) => entry.type === 'dtmf.received').map((entry) => entry.data.digit),
        ).toEqual([digit]);
        for (const type of ['call.received', 'call.answered', 'agent.started'])
          expect(times(whole, type), type).toBe(1);
      }
      one.hangUp();
      two.hangUp();
      await Promise.all([one.done, two.done]);
      for (const caller of ['+14155550121', '+14155550122']) {
        const session = await sessionOf(first, caller);
        const ended = await until('the session to end', async () => {
          const now = await getSession(first, session.id);
          return now.status === 'ended' ? now : null;
        });
        expect(ended.endReason).toBe('caller-hangup');
        expect(times(ended, 'call.ended')).toBe(1);
      }
    }, 90_000);
  }
});
