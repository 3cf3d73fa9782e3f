import type { ActionParts, ExecuteAnswer } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Redactor } from '../core/redaction.js';
import type { Tracer } from '../core/tracing.js';
import {
  type ActionResult,
  createActionExecutor,
  createRunStore,
  createSessionHeaders,
  type JsonRecord,
  parseAction,
  secretsOf,
  testAction,
} from '../domain/actions/index.js';
import type { DoorPorts } from '../domain/calls/index.js';
import type { DirectoryService } from '../domain/directory/index.js';
import type { ContactStore, SessionStore } from '../domain/sessions/index.js';
import { createEgressClient, createEgressPolicy, parseAllowList } from '../platform/egress/index.js';
import type { CommandBus, RedisConnection } from '../platform/redis/index.js';
import type { Metrics } from '../platform/telemetry/index.js';
import type { Vault } from '../platform/vault/index.js';
import { createActionCatalogue } from './action-catalogue.js';
import { certificateReader, secretReader, variableReader } from './action-readers.js';
import { createActionRunner } from './action-runner.js';
import { authoritiesOf } from './authorities.js';
import { type Config, loopbackOnly } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

export type StartActionsOptions = {
  readonly config: Config;
  readonly instanceId: string;
  readonly redis: RedisConnection;
  readonly bus: CommandBus;
  readonly vault: Vault;
  readonly redactor: Redactor;
  readonly directory: DirectoryService['directory'];
  readonly sessions: Pick<SessionStore, 'locate'>;
  readonly contacts: ContactStore;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly stack: ShutdownStack;
};

/** The action executor in the gateway: behind the agents' doors, and behind the API. */
export type Actions = {
  readonly door: NonNullable<DoorPorts['actions']>;
  readonly parts: ActionParts;
  closed(sessionId: string): void;
};

/** How long the owner of a session may take for what needs no target, ms. */
const patience = 3_000;
/** The longest action (60 s), its retries being within, and the way there and back. */
const runPatience = 65_000;

type Command = { readonly orgId: string; readonly sessionId: string } & (
  | { readonly name: string; readonly args: JsonRecord; readonly turn: string | null }
  | { readonly sealed: string }
  | { readonly user: string }
);

const answerOf = ({ success, statusCode, outputs, error, durationMs }: ActionResult): ExecuteAnswer => ({
  success,
  statusCode,
  outputs,
  ...(error === undefined ? {} : { error }),
  durationMs: Math.round(durationMs * 10) / 10,
});

const statusLabel = ({ statusCode, error }: ActionResult) => {
  if (error?.code === 'timeout') return 'timeout';
  if (error?.code === 'refused_address') return 'refused';
  const groups = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
  return (statusCode === null ? undefined : groups[Math.floor(statusCode / 100) - 1]) ?? 'network';
};

/** Commands for actions have a channel of their own beside that of calls. */
const channelOf = (instanceId: string): string => `${instanceId}.actions`;

export const startActions = async (options: StartActionsOptions): Promise<Actions> => {
  const { config, redis, bus, vault, redactor, directory, metrics, clock, log, tracer, stack } = options;
  const http = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList(config.egress.allow), loopbackOnly: loopbackOnly(config) }),
    extraAuthorities: await authoritiesOf(config.egress.authorities),
    clock,
  });
  stack.push('connections of actions', () => http.close());
  const runs = createRunStore({ redis, clock, retention: config.limits.sessionRetention * 1_000 });
  const headers = createSessionHeaders((secret) => redactor.hold(secret));
  const catalogue = createActionCatalogue(directory, vault);
  const executor = createActionExecutor({
    ...{ http, clock, log, tracer, runs },
    certificates: certificateReader(directory, vault),
    variables: variableReader(directory, vault),
    secrets: secretReader(directory, vault),
  });
  const runner = createActionRunner({
    ...{ catalogue, executor, headers, log },
    contacts: options.contacts,
    ran: (result) => metrics.observe('actionDuration', result.durationMs, { group: statusLabel(result) }),
  });

  const headersScope = (orgId: string, sessionId: string) => ({
    organization: orgId,
    kind: 'session-headers',
    name: sessionId,
  });

  const setHeaders = (orgId: string, sessionId: string, sealed: string): readonly string[] => {
    runner.session(orgId, sessionId);
    // Not as text: a whole set of headers is no value that could appear in a log, each of its values is.
    const given: Record<string, string> = JSON.parse(
      vault.openBytes(headersScope(orgId, sessionId), sealed).toString(),
    );
    return headers.set(sessionId, given);
  };

  /** The answer of a target goes over Redis so that only instances of this gateway can read it. */
  const answerScope = (orgId: string, sessionId: string) => ({
    organization: orgId,
    kind: 'action-answer',
    name: sessionId,
  });

  /** Carries out what any instance asks of the owner of a session. */
  const carryOut = async (name: string, command: Command, signal: AbortSignal): Promise<unknown> => {
    const { orgId, sessionId } = command;
    if (name === 'execute' && 'args' in command) {
      const turn = command.turn ?? undefined;
      const result = await runner.run({ orgId, sessionId, name: command.name, args: command.args, turn, signal });
      return vault.sealBytes(answerScope(orgId, sessionId), Buffer.from(JSON.stringify(answerOf(result))));
    }
    if (name === 'headers' && 'sealed' in command) return setHeaders(orgId, sessionId, command.sealed);
    if (name === 'identity' && 'user' in command) {
      // Known here at once; Redis follows when it can.
      void runner.session(orgId, sessionId).change({ authenticatedUser: command.user });
      return null;
    }
    throw new GatewayError('bad_request', `The command ${name} is not known to this instance.`);
  };
  // Only instances of this gateway, with its Redis password, can publish here; they build commands with `ask`.
  const unserve = await bus.serve(channelOf(options.instanceId), (name, payload, signal) =>
    carryOut(name, payload as Command, signal),
  );
  stack.push('commands of actions', () => unserve());

  const ask = async (name: string, command: Command, timeout: number): Promise<unknown> => {
    const owner = await options.sessions.locate(command.sessionId);
    if (owner === null || owner.orgId !== command.orgId) {
      throw new GatewayError('not_found', `There is no session ${command.sessionId}.`);
    }
    return bus.request(channelOf(owner.instanceId), name, command, { timeout });
  };

  const parts: ActionParts = {
    runs,
    async list(orgId) {
      const known = await catalogue.secretNames(orgId);
      return (await catalogue.all(orgId)).map((entry) => ({
        ...entry,
        missing: entry.action === null ? [] : [...secretsOf(entry.action)].filter((name) => !known.has(name)),
        expectedLatencyMs: executor.expectedLatencyMs(orgId, entry.record.id) ?? null,
      }));
    },
    agentsWith: (orgId, slug) => catalogue.agentsWith(orgId, slug),
    async execute({ orgId, slug, sessionId, attributes, turn, signal }) {
      if (sessionId === null) {
        return answerOf(
          await runner.run({
            orgId,
            name: slug,
            args: attributes,
            turn: turn ?? undefined,
            signal: signal ?? undefined,
          }),
        );
      }
      const answer = await ask('execute', { orgId, sessionId, name: slug, args: attributes, turn }, runPatience);
      return JSON.parse(vault.openBytes(answerScope(orgId, sessionId), String(answer)).toString()) as ExecuteAnswer;
    },
    async test(orgId, tested, attributes) {
      const organization = await catalogue.organization(orgId);
      if ('definition' in tested) return testAction(executor, organization, parseAction(tested.definition), attributes);
      const entry = await catalogue.find(orgId, tested.slug);
      if (entry === null) throw new GatewayError('not_found', `There is no action ${JSON.stringify(tested.slug)}.`);
      const action = entry.action ?? parseAction(entry.record.definition);
      return testAction(executor, organization, action, attributes);
    },
    async setHeaders(orgId, sessionId, given) {
      const sealed = vault.sealBytes(headersScope(orgId, sessionId), Buffer.from(JSON.stringify(given)));
      const warnings = await ask('headers', { orgId, sessionId, sealed }, patience);
      return Array.isArray(warnings) ? warnings.map(String) : [];
    },
    async setIdentity(orgId, sessionId, user) {
      await ask('identity', { orgId, sessionId, user }, patience);
    },
  };
  return {
    door: runner.door,
    parts,
    closed: (sessionId) => runner.closed(sessionId),
  };
};
