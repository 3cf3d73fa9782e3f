// What the prefetch bench measures: the webhook of the API, and beside it an express route with one Redis script call.
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { createApi, listenHttp, prefetchRoutes } from '../src/api/index.js';
import { systemClock } from '../src/core/clock.js';
import { silentLogger } from '../src/core/logger.js';
import { createDirectoryService } from '../src/domain/directory/index.js';
import { createContactStore, createSessionStore } from '../src/domain/sessions/index.js';
import { createZendesk, prefetchUrl } from '../src/domain/zendesk/index.js';
import { createAccess, createAuditTrail } from '../src/platform/access/index.js';
import { createEgressClient, createEgressPolicy } from '../src/platform/egress/index.js';
import { connectRedis, createKeptAnswers, scriptOf } from '../src/platform/redis/index.js';
import { createMetrics } from '../src/platform/telemetry/index.js';
import { createVault, parseKeyRing } from '../src/platform/vault/index.js';
import {
  benchOrganization,
  callerOf,
  type PrefetchSubjectCommand,
  type PrefetchSubjectMessage,
} from './prefetch-messages.js';

const say = (message: PrefetchSubjectMessage): void => void process.send?.(message);
const clock = systemClock;
const log = silentLogger;
const redis = connectRedis({ socketPath: process.argv[2] ?? '', log, commandTimeout: 30_000 });
await redis.ready(10_000);
const vault = createVault(parseKeyRing(`k:${process.argv[3] ?? ''}`));
const directory = await createDirectoryService({ redis, vault, clock, log });
await directory.apply({
  orgId: benchOrganization,
  document: { organization: { id: benchOrganization, defaultCountry: 'US', zendesk: { subdomain: 'bench' } } },
  prune: false,
  dryRun: false,
  policy: { operator: true, loopbackOnly: true },
});
const sessions = createSessionStore({ redis, instanceId: randomUUID(), log });
await sessions.start();
const contacts = createContactStore({ redis });
const publicUrl = 'http://127.0.0.1';
const zendesk = createZendesk({
  ...{ redis, vault, sessions, contacts, clock, log, publicUrl, instanceId: randomUUID() },
  egress: createEgressClient({ policy: createEgressPolicy({}) }),
  directory: directory.directory,
  organizations: directory.organizations,
  countPrefetch: () => {},
  countEnrichment: () => {},
});
// The queue is filled and not worked off here: what follows the answer is not the webhook's cost.
await zendesk.close();
const deps = {
  ...{ directory, sessions, contacts, log, clock, publicUrl },
  access: createAccess({
    ...{
      dataDir: mkdtempSync(join(tmpdir(), 'vg-bench-')),
      jwtSecret: 'x'.repeat(32),
      jwksUrl: null,
      sharedStore: false,
    },
    clock,
  }),
  audit: createAuditTrail({ redis, log }),
  keptAnswers: createKeptAnswers({ redis, vault, clock, log }),
  calls: { hangup: async () => {}, record: async () => ({ state: 'off' as const, file: null }) },
  tools: {
    list: async () => [],
    use: () => Promise.reject(new Error('There are no calls here.')),
  },
  ladders: { json: async () => null, text: async () => null, capture: async () => null },
  readiness: async () => [],
  metrics: createMetrics({ processMetrics: false }),
  version: '0',
  configDigest: '0',
  httpLoopback: true,
  loopbackOnly: true,
};
const api = await listenHttp(createApi(deps, prefetchRoutes(deps, zendesk)), { host: '127.0.0.1', port: 0, clock });

const bareScript = scriptOf(
  'bare',
  "if redis.call('HSET', KEYS[1], 'zendeskTicketId', ARGV[1]) == 1 then return 'stamped' end return 'already'",
);
const bare = express();
bare.post('/stamp/:token', express.json(), async (request, response) => {
  const body = request.body as { ticket_id: number; caller_phone: string };
  const result = await redis.run(bareScript, [`vg:{bare}:session:${body.caller_phone}`], [body.ticket_id]);
  response.json({ success: true, result });
});
const bareServer = createServer(bare);
await new Promise<void>((resolve) => void bareServer.listen(0, '127.0.0.1', resolve));

const create = async (n: number): Promise<string> => {
  const e164 = callerOf(n);
  const owned = await sessions.create({
    ...{ id: randomUUID(), orgId: benchOrganization, agentId: 'a', direction: 'inbound', called: '+14155550100' },
    caller: { e164, raw: e164, display: null, withheld: false },
    ...{ sipCallId: randomUUID(), profile: 'local', startedAt: clock.now(), linkContact: false },
    first: { at: clock.now(), type: 'call.received', data: {} },
  });
  return owned.id;
};

process.on('message', (command: PrefetchSubjectCommand) => {
  if (command.kind === 'cpu') {
    const { user, system } = process.cpuUsage();
    say({ kind: 'cpu', spent: (user + system) / 1_000 });
    return;
  }
  void (async () => {
    const ids: string[] = [];
    for (let at = command.from; at < command.to; at += 250) {
      const batch = Array.from({ length: Math.min(250, command.to - at) }, (_, n) => create(at + n));
      ids.push(...(await Promise.all(batch)));
    }
    say({ kind: 'created', ids });
  })();
});
process.on('disconnect', () => process.exit(0));

const { token } = await zendesk.keys.currentToken(benchOrganization);
say({
  kind: 'ready',
  webhookUrl: prefetchUrl(`http://127.0.0.1:${api.port}`, token),
  bareUrl: `http://127.0.0.1:${(bareServer.address() as AddressInfo).port}/stamp/${token}`,
});
