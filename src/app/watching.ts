import {
  type ApiDeps,
  type Route,
  recordingRoutes,
  type SessionQuality,
  testCallRoutes,
  watchingRoutes,
} from '../api/index.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Calls, RecordingPlace } from '../domain/calls/index.js';
import type { MediaPlane } from '../domain/calls/ports.js';
import type { Directory } from '../domain/directory/index.js';
import { readInstances, type SessionStore } from '../domain/sessions/index.js';
import type { CommandBus, RedisConnection } from '../platform/redis/index.js';
import type { Vault } from '../platform/vault/index.js';
import type { Announcer } from '../telephony/agents/builtin/index.js';
import type { ProfileRegistry, SipServer } from '../telephony/sip/index.js';
import type { Config } from './config.js';
import { createInstances } from './instances.js';
import type { LoopLag } from './loop-lag.js';
import { watchQuality } from './quality-watch.js';
import { createRecordings } from './recordings.js';
import { openRecordingsFolder } from './recordings-folder.js';
import { createRejections, type Rejections } from './rejections.js';
import type { ShutdownStack } from './shutdown-stack.js';
import { createTestCalls, type TestCalls } from './test-calls.js';
import type { CommandTaker } from './transfer-control.js';

export type WatchingDeps = {
  readonly config: Pick<Config, 'dataDir' | 'limits'>;
  readonly instanceId: string;
  readonly version: string;
  readonly configDigest: string;
  readonly redis: RedisConnection;
  readonly bus: CommandBus;
  readonly vault: Vault;
  readonly sessions: SessionStore;
  readonly directory: Directory;
  readonly profiles: ProfileRegistry;
  readonly media: MediaPlane;
  readonly speaker: Announcer;
  readonly lag: LoopLag;
  readonly calls: () => Calls;
  readonly sip: () => SipServer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
};

/** What people look at beside the calls themselves: their quality, their recordings, the instances, what was turned away, test calls. */
export type Watching = {
  readonly rejections: Rejections;
  readonly testCalls: TestCalls;
  /** Where this instance writes recordings. */
  readonly recordings: RecordingPlace;
  /** A call of this instance has closed. */
  closed(sessionId: string): void;
  readonly take: CommandTaker;
  routes(deps: ApiDeps): readonly Route[];
};

/** How long the instance of a call may take to tell of its quality, ms. */
const patience = 2_000;

export const createWatching = async (deps: WatchingDeps): Promise<Watching> => {
  const { config, instanceId, bus, sessions, clock, stack } = deps;
  const startedAt = new Date(clock.now()).toISOString();
  const quality = watchQuality({ live: () => deps.calls().live(), clock });
  stack.push('quality watch', async () => quality.stop());
  const rejections = createRejections(clock);
  const testCalls = createTestCalls({
    ...{ instanceId, bus, sessions, rejections, clock, log: deps.log },
    directory: deps.directory,
    endpoints: () => deps.sip().endpoints(),
    secureMedia: (profile) => deps.profiles.get(profile)?.rules.mediaSecurity === 'required',
    speak: async (text, signal) => (await deps.speaker.announce(text, signal))?.source ?? null,
  });
  const place = await openRecordingsFolder(config.dataDir);
  const recordings = createRecordings({
    ...{ place, bus, vault: deps.vault, sessions, clock, log: deps.log },
    retention: config.limits.sessionRetention * 1_000,
  });
  const unserve = await recordings.serve();
  stack.push('recordings', () => unserve());
  const instances = createInstances({
    ...{ instanceId, bus },
    beats: () => readInstances(deps.redis),
    self: () => {
      const { legs, portsFree } = deps.media.stats();
      return {
        ...{ version: deps.version, config: deps.configDigest, startedAt, legs, portsFree },
        calls: deps.calls().live().length,
        sip: deps.sip().connected(),
        draining: deps.calls().draining(),
        memoryMb: Math.round(process.memoryUsage.rss() / 1_048_576),
        lagMs: Math.round(deps.lag.lagMs() * 10) / 10,
        endpoints: [...deps.sip().endpoints()],
      };
    },
    quality: quality.now,
    rejections: rejections.list,
  });

  const qualityOf = async (orgId: string, sessionId: string): Promise<SessionQuality | null> => {
    const found = await sessions.locate(sessionId);
    if (found === null || found.orgId !== orgId) return null;
    if (found.instanceId === instanceId) return quality.of(sessionId);
    // It is gone, and what it measured with it.
    const answer = await bus
      .request(found.instanceId, 'session-quality', { sessionId }, { timeout: patience })
      .catch(() => null);
    return answer as SessionQuality | null;
  };

  return {
    ...{ rejections, testCalls, recordings: place },
    closed: quality.ended,
    take: (name, payload) => {
      if (name === 'session-quality') {
        const { sessionId } = payload as { readonly sessionId?: unknown };
        return Promise.resolve(typeof sessionId === 'string' ? quality.of(sessionId) : null);
      }
      return testCalls.take(name, payload) ?? instances.take(name, payload);
    },
    routes: (api) => [
      ...watchingRoutes(api, { instances: instances.parts, quality: qualityOf }),
      ...testCallRoutes(api, testCalls.control),
      ...recordingRoutes(api, recordings.parts),
    ],
  };
};
