import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { until } from '../../../test/support/until.js';
import { systemClock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import { connectRedis, type RedisConnection } from '../../platform/redis/index.js';
import { createVault, parseKeyRing } from '../../platform/vault/index.js';
import { createDirectoryStore } from './directory-store.js';
import { createDirectoryService, type DirectoryService } from './service.js';

const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));
const policy = { operator: true, loopbackOnly: true };

let redis: TestRedis;
const open: (() => Promise<void>)[] = [];

const connect = async (): Promise<RedisConnection> => {
  const connection = connectRedis({ socketPath: redis.socketPath, log: silentLogger });
  open.push(() => connection.close());
  await connection.ready(5_000);
  return connection;
};
const instance = async (
  clock = manualClock(),
): Promise<DirectoryService & { redis: RedisConnection; clock: typeof clock }> => {
  const connection = await connect();
  const service = await createDirectoryService({ redis: connection, vault, clock, log: silentLogger });
  open.push(async () => service.close());
  return { ...service, redis: connection, clock };
};

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await (await connect()).command('FLUSHALL');
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const document = (org: string, numbers: readonly string[], extra: object = {}) => ({
  organization: { id: org },
  numbers: numbers.map((number) => ({ number, agent: 'support', profile: 'local', verified: true })),
  agents: [{ id: 'support', leg: { type: 'builtin', script: { steps: [] } } }],
  ...extra,
});
const apply = (service: DirectoryService, org: string, numbers: readonly string[], prune = false) =>
  service.apply({ orgId: org, document: document(org, numbers), prune, dryRun: false, policy });
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (isGatewayError(error) ? `${error.code} ${JSON.stringify(error.details)}` : String(error)),
  );

const one = '+14155550100';
const two = '+14155550101';

describe('the directory', () => {
  it('routes a number to organization, number and agent after a document was applied', async () => {
    const gateway = await instance();
    expect(await gateway.directory.route(one)).toBeNull();
    const result = await apply(gateway, 'acme', [one]);
    expect(result.created).toHaveLength(3);
    expect(await gateway.directory.route(one)).toMatchObject({
      organization: { id: 'acme', name: 'acme' },
      number: { number: one, verified: true },
      agent: { id: 'support' },
    });
    expect(await gateway.organizations()).toEqual(['acme']);
    expect((await apply(gateway, 'acme', [one])).unchanged).toHaveLength(3);
  });

  it('keeps another instance in step by a message, before its cache would ask again', async () => {
    const [first, second] = [await instance(), await instance()];
    await apply(first, 'acme', [one]);
    expect((await second.directory.route(one))?.agent.name).toBe('support');
    const renamed = document('acme', [one], {
      agents: [{ id: 'support', name: 'Help', leg: { type: 'builtin', script: {} } }],
    });
    await first.apply({ orgId: 'acme', document: renamed, prune: false, dryRun: false, policy });
    expect((await first.directory.route(one))?.agent.name).toBe('Help');
    await until(
      'the other instance to see the new name',
      async () => (await second.directory.route(one))?.agent.name === 'Help',
    );
  });

  it('asks for the version after five seconds, so that a lost message does no harm', async () => {
    const [reader, writer] = [await instance(), createDirectoryStore(await connect())];
    await apply(reader, 'acme', [one]);
    await reader.directory.route(one);
    const found = await writer.read('acme');
    if (found === null) throw new Error('not stored');
    const agents = found.snapshot.agents.map((agent) => ({ ...agent, name: 'Silent change' }));
    await writer.write('acme', found.version, { ...found.snapshot, agents });
    expect((await reader.directory.route(one))?.agent.name).toBe('support');
    reader.clock.advance(5_000);
    expect((await reader.directory.route(one))?.agent.name).toBe('Silent change');
  });

  it('reads a known route without Redis, and with one round trip when it is older', async () => {
    const gateway = await instance();
    await apply(gateway, 'acme', [one]);
    await gateway.directory.route(one);
    const sent = gateway.redis.commandsSent();
    for (let i = 0; i < 100; i += 1) await gateway.directory.route(one);
    expect(gateway.redis.commandsSent()).toBe(sent);
    gateway.clock.advance(5_000);
    await gateway.directory.route(one);
    expect(gateway.redis.commandsSent()).toBe(sent + 2);
  });

  it('gives a number to one organization, names it in the refusal and changes nothing', async () => {
    const gateway = await instance();
    await apply(gateway, 'acme', [one]);
    const refused = await outcome(apply(gateway, 'globex', [two, one]));
    expect(refused).toContain('conflict');
    expect(refused).toContain(`${one} belongs to another organization`);
    expect(refused).not.toContain('acme');
    expect(await gateway.export('globex')).toBeNull();
    expect(await gateway.directory.route(two)).toBeNull();
    const dry = gateway.apply({
      orgId: 'globex',
      document: document('globex', [one]),
      prune: false,
      dryRun: true,
      policy,
    });
    expect(await outcome(dry)).toContain('conflict');
  });

  it('frees a number that is pruned, for others to take', async () => {
    const gateway = await instance();
    await apply(gateway, 'acme', [one, two]);
    await apply(gateway, 'acme', [two], true);
    expect(await gateway.directory.route(one)).toBeNull();
    expect(await outcome(apply(gateway, 'globex', [one]))).toBe('ok');
    expect((await gateway.directory.route(one))?.organization.id).toBe('globex');
  });

  it('gives a UUID to one organization too', async () => {
    const gateway = await instance();
    const uuid = '7b2c1c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c';
    const withUuid = (id: string) => ({ organization: { id, uuid } });
    await gateway.apply({ orgId: 'acme', document: withUuid('acme'), prune: false, dryRun: false, policy });
    const theft = gateway.apply({ orgId: 'globex', document: withUuid('globex'), prune: false, dryRun: false, policy });
    expect(await outcome(theft)).toContain('organization.uuid');
  });

  it('lets exactly one of twenty organizations win a race for one number', async () => {
    const gateways = [await instance(), await instance(), await instance()];
    const names = Array.from({ length: 20 }, (_, i) => `org-${i}`);
    const outcomes = await Promise.all(names.map((name, i) => outcome(apply(gateways[i % 3]!, name, [one]))));
    expect(outcomes.filter((text) => text === 'ok')).toHaveLength(1);
    const winner = names[outcomes.indexOf('ok')];
    for (const gateway of gateways) expect((await gateway.directory.route(one))?.organization.id).toBe(winner);
  });

  it('loses no document when several are applied to one organization at once', async () => {
    const gateways = [await instance(), await instance()];
    await apply(gateways[0]!, 'acme', [one]);
    const part = (i: number) => ({ organization: { id: 'acme' }, globals: { [`g${i}`]: i } });
    const writes = Array.from({ length: 6 }, (_, i) =>
      gateways[i % 2]!.apply({ orgId: 'acme', document: part(i), prune: false, dryRun: false, policy }),
    );
    await Promise.all(writes);
    const exported = await gateways[0]!.export('acme');
    expect(Object.keys(exported?.globals ?? {}).sort()).toEqual(['g0', 'g1', 'g2', 'g3', 'g4', 'g5']);
  });

  it('shows a reader the old document or the new one, never half of one', async () => {
    const [writer, reader] = [await instance(), createDirectoryStore(await connect())];
    const numbered = (n: number) =>
      document(
        'acme',
        Array.from({ length: 50 }, (_, i) => `+1415555${String(1000 + i)}`),
        {
          agents: [{ id: 'support', name: `agent ${n}`, leg: { type: 'builtin', script: { steps: [] } } }],
          globals: { n },
        },
      );
    let done = false;
    const writing = (async () => {
      for (let n = 0; n < 40; n += 1) {
        await writer.apply({ orgId: 'acme', document: numbered(n), prune: false, dryRun: false, policy });
      }
      done = true;
    })();
    let reads = 0;
    while (!done) {
      const found = await reader.read('acme');
      if (found === null) continue;
      reads += 1;
      expect(found.snapshot.agents[0]?.name).toBe(`agent ${String(found.snapshot.globals.n)}`);
      expect(found.snapshot.numbers).toHaveLength(50);
    }
    await writing;
    expect(reads).toBeGreaterThan(10);
  });

  it('takes over the claim of a gateway that died between claim and document, not before 30 s', async () => {
    const gateway = await instance();
    const connection = await connect();
    const store = createDirectoryStore(connection);
    await store.claim('dead', [`number:${one}`], new Map());
    expect(await outcome(apply(gateway, 'acme', [one]))).toContain('conflict');
    const old = `dead ${Date.now() - 40_000} nonce`;
    await connection.command('HSET', 'vg:{@directory}:claims', `number:${one}`, old);
    expect(await outcome(apply(gateway, 'acme', [one]))).toBe('ok');
    expect((await gateway.directory.route(one))?.organization.id).toBe('acme');
  });

  it('does not release a number that was claimed anew while the old document was being replaced', async () => {
    const store = createDirectoryStore(await connect());
    const field = `number:${one}`;
    await store.claim('acme', [field], new Map());
    const seen = await store.claims([field]);
    await store.claim('acme', [field], new Map());
    await store.release(seen);
    expect((await store.claims([field])).size).toBe(1);
    await store.release(await store.claims([field]));
    expect((await store.claims([field])).size).toBe(0);
  });

  it('stores nothing on a dry run', async () => {
    const gateway = await instance();
    const request = { orgId: 'acme', document: document('acme', [one]), prune: false, dryRun: true, policy };
    expect((await gateway.apply(request)).created).toHaveLength(3);
    expect(await gateway.export('acme')).toBeNull();
    expect(await gateway.organizations()).toEqual([]);
  });

  it('finds a destination by id, then by name in any case', async () => {
    const gateway = await instance();
    const destinations = [
      { id: 'zendesk', name: 'Zendesk human agent', type: 'sip', value: 'sip:support@127.0.0.1:5080' },
      { id: 'owner', name: 'Owner', type: 'phone', value: one, trunk: 'sip:trunk.example' },
    ];
    const body = document('acme', [], { transferDestinations: destinations });
    await gateway.apply({ orgId: 'acme', document: body, prune: false, dryRun: false, policy });
    expect((await gateway.directory.destination('acme', 'owner'))?.id).toBe('owner');
    expect((await gateway.directory.destination('acme', ' zendesk HUMAN agent '))?.id).toBe('zendesk');
    expect(await gateway.directory.destination('acme', 'nobody')).toBeNull();
    expect(await gateway.directory.destination('globex', 'owner')).toBeNull();
  });

  it('keeps no credential in what Redis holds', async () => {
    const gateway = await instance();
    const body = document('acme', [one], {
      variables: { 'X-Api-Key': 'canary-variable' },
      secrets: { hmac: 'canary-secret' },
      transferDestinations: [
        {
          ...{ id: 't', name: 'T', type: 'phone', value: two, trunk: 'sip:trunk.example' },
          digest: { username: 'u', password: 'canary-digest' },
        },
      ],
    });
    await gateway.apply({ orgId: 'acme', document: body, prune: false, dryRun: false, policy });
    const dump = JSON.stringify(await gateway.redis.command('HGETALL', 'vg:{acme}:directory'));
    expect(dump).toContain('X-Api-Key');
    expect(dump).not.toContain('canary');
    expect(JSON.stringify(await gateway.export('acme'))).not.toContain('canary');
  });
});

describe('the directory without Redis', () => {
  it('refuses new calls at once and lets calls in progress go on with what is known', async () => {
    const gateway = await instance();
    const body = document('acme', [one], {
      transferDestinations: [{ id: 'owner', name: 'Owner', type: 'phone', value: two, trunk: 'sip:trunk.example' }],
    });
    await gateway.apply({ orgId: 'acme', document: body, prune: false, dryRun: false, policy });
    await gateway.directory.route(one);
    gateway.clock.advance(5_000);
    await redis.kill();
    await until('the loss to be seen', () => !gateway.redis.isUp());
    try {
      expect(await outcome(gateway.directory.route(one))).toContain('store_unavailable');
      expect((await gateway.directory.destination('acme', 'owner'))?.value).toBe(two);
      expect((await gateway.directory.agent('acme', 'support'))?.id).toBe('support');
      expect(await outcome(apply(gateway, 'acme', [one, two]))).toContain('store_unavailable');
    } finally {
      await redis.start();
    }
    await until('Redis to be back', () => gateway.redis.isUp());
    expect((await gateway.directory.route(one))?.organization.id).toBe('acme');
  });

  it('waits a quarter of a second for a Redis that hangs, then takes what is known', async () => {
    const gateway = await instance();
    await apply(gateway, 'acme', [one]);
    await gateway.directory.agent('acme', 'support');
    gateway.clock.advance(5_000);
    redis.pause();
    try {
      const reading = gateway.directory.agent('acme', 'support');
      await until('the patience to be set', () => gateway.clock.pending() > 0);
      gateway.clock.advance(250);
      expect((await reading)?.id).toBe('support');
    } finally {
      redis.resume();
    }
    await until('Redis to answer', () => gateway.redis.command('PING').catch(() => null));
  });
});

it('uses the real clock the same way', async () => {
  const connection = await connect();
  const service = await createDirectoryService({ redis: connection, vault, clock: systemClock, log: silentLogger });
  open.push(async () => service.close());
  await apply(service, 'acme', [one]);
  expect((await service.directory.route(one))?.number.agentId).toBe('support');
});
