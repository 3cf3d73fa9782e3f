import { systemClock } from '../../src/core/clock.js';
import { silentLogger } from '../../src/core/logger.js';
import { parseAction } from '../../src/domain/actions/compile-action.js';
import {
  type ActionCall,
  type ActionExecutor,
  type ActionResult,
  createActionExecutor,
  type ExecuteOptions,
  type ExecutorDependencies,
} from '../../src/domain/actions/executor.js';
import type { ActionOrganization, ActionSession, StoredCertificate } from '../../src/domain/actions/ports.js';
import type { RunRecord } from '../../src/domain/actions/runs.js';
import type { JsonValue } from '../../src/domain/actions/template/values.js';
import { createUserAttributes } from '../../src/domain/actions/user-attributes.js';
import {
  createEgressClient,
  createEgressPolicy,
  type EgressClient,
  parseAllowList,
} from '../../src/platform/egress/index.js';
import { type HttpsTarget, type HttpsTargetOptions, startHttpsTarget } from './https-target.js';

type Values = { [name: string]: JsonValue };

/** An executor over real HTTPS with its stores in memory, and a target that it may reach. */
export type ActionRig = {
  readonly target: HttpsTarget;
  readonly http: EgressClient;
  readonly executor: ActionExecutor;
  readonly variables: Map<string, string>;
  readonly secrets: Map<string, string>;
  readonly certificates: Map<string, StoredCertificate>;
  readonly runs: RunRecord[];
  /** How often each secret was decrypted. */
  readonly secretReads: string[];
  readonly user: ReturnType<typeof createUserAttributes>;
  run(definition: Values, more?: Partial<Omit<ActionCall, 'action'>>, options?: ExecuteOptions): Promise<ActionResult>;
  close(): Promise<void>;
};

export const testOrganization: ActionOrganization = {
  id: 'acme',
  uuid: '7b2c1c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c',
  contextHeaders: false,
  globals: { oauth_client_id: 'global-client' },
};

export const testSession: ActionSession = {
  id: '0b8ad5ae-5a2c-4a57-8a2e-4b5d0c7b1f11',
  ticketNumber: 4711,
  externalUserId: null,
  fields: { caller: '+14155550123' },
  contact: { name: 'Ada' },
};

export const startActionRig = async (
  options: { target?: HttpsTargetOptions; user?: Values; dependencies?: Partial<ExecutorDependencies> } = {},
): Promise<ActionRig> => {
  const target = await startHttpsTarget(options.target);
  const http = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList('localhost|127.0.0.0/8|*') }),
    extraAuthorities: [target.authority],
  });
  const variables = new Map<string, string>();
  const secrets = new Map<string, string>();
  const certificates = new Map<string, StoredCertificate>();
  const runs: RunRecord[] = [];
  const secretReads: string[] = [];
  const user = createUserAttributes(options.user);
  const executor = createActionExecutor({
    http,
    clock: systemClock,
    log: silentLogger,
    variables: { read: async () => new Map(variables) },
    secrets: {
      read: async (_organization, names) => {
        secretReads.push(...names);
        return new Map([...secrets].filter(([name]) => names.includes(name)));
      },
    },
    certificates: { read: async (_organization, name) => certificates.get(name) },
    runs: { record: (run) => void runs.push(run) },
    ...options.dependencies,
  });
  return {
    target,
    http,
    executor,
    variables,
    secrets,
    certificates,
    runs,
    secretReads,
    user,
    run: (definition, more = {}, executeOptions = {}) =>
      executor.execute(
        {
          organization: testOrganization,
          action: parseAction({
            name: 'Order status',
            url: `${target.origin}/`,
            ...(definition.kind === 'legacy-webhook' ? {} : { method: 'GET' }),
            ...definition,
          }),
          user,
          args: {},
          ...more,
        },
        executeOptions,
      ),
    async close() {
      await http.close();
      await target.close();
    },
  };
};
