import { join } from 'node:path';
import type { Clock } from '../core/clock.js';
import { type Access, adminTokenFile, createAccess, sharedAdminToken } from '../platform/access/index.js';
import type { Config } from './config.js';
import type { Store } from './store.js';

/** Credentials of this gateway; with a Redis of several instances, the same on all of them. */
export const openAccess = async (config: Config, store: Store, clock: Clock): Promise<Access> =>
  createAccess({
    dataDir: config.dataDir,
    jwtSecret: config.dashboard.jwtSecret ?? null,
    jwksUrl: config.dashboard.jwksUrl ?? null,
    sharedStore: !store.embedded,
    ...(store.embedded ? {} : { adminToken: await sharedAdminToken(join(config.dataDir, adminTokenFile), store) }),
    clock,
  });
