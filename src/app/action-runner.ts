import { GatewayError, isGatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import {
  type ActionExecutor,
  type ActionOrganization,
  type ActionResult,
  type ActionSession,
  aiSentences,
  type CompiledAction,
  createUserAttributes,
  type JsonRecord,
  type JsonValue,
  type SessionHeaders,
  toolOf,
  type UserAttributes,
} from '../domain/actions/index.js';
import type { DoorPorts } from '../domain/calls/index.js';
import type { ActionRunResult, ToolDescription } from '../domain/calls/ports.js';
import type { Agent } from '../domain/directory/index.js';
import type { Contact, ContactStore, OwnedSession } from '../domain/sessions/index.js';
import type { ActionCatalogue, CatalogueEntry } from './action-catalogue.js';

/** Actions run for the sessions this instance owns, and outside of any session. */
export type ActionRunner = {
  /** What stands behind the agent's doors. */
  readonly door: NonNullable<DoorPorts['actions']>;
  /**
   * Runs an action of an organization; in a session only when it lives here (else GatewayError session_ended). `turn`
   * joins a call with the same arguments that is in flight. Throws GatewayError not_found, conflict.
   */
  run(request: RunRequest): Promise<ActionResult>;
  /** The session of a call that is going on here. */
  session(orgId: string, sessionId: string): OwnedSession;
  /** The call is over: its headers and everything known of it here go. */
  closed(sessionId: string): void;
};

export type RunRequest = {
  readonly orgId: string;
  readonly name: string;
  readonly args: JsonRecord;
  readonly sessionId?: string | undefined;
  readonly turn?: string | undefined;
  /** Joins a call with the same arguments that is in flight, without a turn that says so. */
  readonly joins?: boolean;
  readonly signal?: AbortSignal | undefined;
};

export type ActionRunnerDeps = {
  readonly catalogue: ActionCatalogue;
  readonly executor: ActionExecutor;
  readonly headers: SessionHeaders;
  readonly contacts: Pick<ContactStore, 'get'>;
  /** Hears of each run for the metrics. */
  readonly ran: (result: ActionResult) => void;
  readonly log: Logger;
};

/** A copy that holds JSON and nothing else: what comes through a door was typed `unknown`. */
const jsonOf = (values: Readonly<Record<string, unknown>>): JsonRecord => JSON.parse(JSON.stringify(values));

const contactFields = (contact: Contact | null): JsonRecord =>
  contact === null
    ? {}
    : {
        id: contact.id,
        name: contact.name,
        email: contact.email,
        phone: contact.phone,
        externalId: contact.externalId,
        zendeskUserId: contact.zendeskUserId,
        custom_data: contact.customData,
      };

const sessionContext = ({ snapshot }: OwnedSession, contact: Contact | null): ActionSession => ({
  id: snapshot.id,
  ticketNumber: snapshot.ticketNumber,
  externalUserId: snapshot.authenticatedUser,
  fields: {
    id: snapshot.id,
    ticketNumber: snapshot.ticketNumber,
    ticket: snapshot.zendeskTicketId,
    caller: snapshot.caller.withheld ? null : snapshot.caller.e164,
    called: snapshot.called,
    agent: snapshot.agentId,
    direction: snapshot.direction,
    startedAt: new Date(snapshot.startedAt).toISOString(),
    authenticatedUser: snapshot.authenticatedUser,
  },
  contact: contactFields(contact),
});

const refused = (code: string, message: string): ActionRunResult => ({
  success: false,
  statusCode: null,
  outputs: {},
  durationMs: 0,
  error: { code, message },
});

const toolParameters = (parameters: JsonValue): Readonly<Record<string, unknown>> =>
  typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters) ? { ...parameters } : {};

type Live = {
  readonly session: OwnedSession;
  readonly agent: Agent;
  /** Names of attributes that its actions have set and its agent is not told of. */
  readonly notRepeated: Set<string>;
};

const nothing: ReadonlySet<string> = new Set();

export const createActionRunner = (deps: ActionRunnerDeps): ActionRunner => {
  const { catalogue, executor, headers, contacts, log } = deps;
  const live = new Map<string, Live>();

  /**
   * The session's own attributes. They are set at once here; Redis follows when it can. An action that outlives its call
   * ends as it would have (an order is placed all the same) and is in the history, but writes to no session any more.
   */
  const attributesOf = (session: OwnedSession): UserAttributes => ({
    read(name) {
      const { attributes } = session.snapshot;
      if (!Object.hasOwn(attributes, name)) return undefined;
      // What the session holds came out of JSON.
      return { value: attributes[name] as JsonValue, trust: 'session' };
    },
    apply(changes) {
      if (live.has(session.id)) void session.change({ attributes: changes });
    },
  });

  const runnable = async (orgId: string, name: string) => {
    const entry = await catalogue.find(orgId, name);
    if (entry === null) throw new GatewayError('not_found', `There is no action ${JSON.stringify(name)}.`);
    const { action, fault } = entry;
    if (action === null)
      throw new GatewayError('conflict', `The action cannot run as it is stored. ${fault ?? ''}`.trim());
    return { ...entry, action };
  };

  /** Enrichment may have come after the call began, so the contact is read anew, when the action looks at it at all. */
  const contactOf = async (
    session: OwnedSession,
    entry: Pick<CatalogueEntry, 'readsContact'>,
  ): Promise<Contact | null> => {
    const { orgId, contactId } = session.snapshot;
    if (!entry.readsContact || contactId === null) return session.contact;
    const latest = await contacts.get(orgId, contactId).catch(() => null);
    return latest ?? session.contact;
  };

  /** What the request leaves out of the declared parameters and the session knows (a digit asked for, an output). */
  const completed = (args: JsonRecord, action: CompiledAction, session: OwnedSession): JsonRecord => {
    const { attributes } = session.snapshot;
    const known = [...(action.parameters?.properties?.keys() ?? [])].filter(
      (name) => !Object.hasOwn(args, name) && Object.hasOwn(attributes, name),
    );
    if (known.length === 0) return args;
    return { ...jsonOf(Object.fromEntries(known.map((name) => [name, attributes[name]]))), ...args };
  };

  const runHere = async (session: OwnedSession, request: RunRequest): Promise<ActionResult> => {
    const entry = await runnable(request.orgId, request.name);
    const [organization, contact] = await Promise.all([
      catalogue.organization(request.orgId),
      contactOf(session, entry),
    ]);
    const result = await executor.execute({
      organization,
      action: entry.action,
      session: sessionContext(session, contact),
      sessionHeaders: headers.get(session.id),
      user: attributesOf(session),
      args: completed(request.args, entry.action, session),
      turn: request.turn,
      ...(request.joins === undefined ? {} : { joins: request.joins }),
      signal: request.signal,
    });
    deps.ran(result);
    const here = live.get(session.id);
    if (here === undefined) return result;
    for (const name of Object.keys(result.outputs)) {
      if (result.notRepeated.has(name)) here.notRepeated.add(name);
      else here.notRepeated.delete(name);
    }
    session.note('action.run', {
      action: entry.action.slug,
      runId: result.runId,
      success: result.success,
      statusCode: result.statusCode,
      durationMs: Math.round(result.durationMs),
      attributes: Object.keys(result.outputs),
      ...(result.error === undefined ? {} : { error: result.error.code }),
    });
    return result;
  };

  const runAlone = async (request: RunRequest): Promise<ActionResult> => {
    const { action } = await runnable(request.orgId, request.name);
    const result = await executor.execute({
      organization: await catalogue.organization(request.orgId),
      action,
      user: createUserAttributes(),
      args: request.args,
      turn: request.turn,
      signal: request.signal,
    });
    deps.ran(result);
    return result;
  };

  const find = (orgId: string, sessionId: string): OwnedSession => {
    const found = live.get(sessionId);
    if (found === undefined || found.session.snapshot.orgId !== orgId) {
      throw new GatewayError('session_ended', `Session ${sessionId} has ended.`);
    }
    return found.session;
  };

  /** A script is written by those who write the actions; any other agent gets the tools it was given. */
  const mayUse = (session: OwnedSession, slug: string): boolean => {
    const agent = live.get(session.id)?.agent;
    return agent === undefined || agent.leg.type === 'builtin' || agent.actions.includes(slug);
  };

  const warm = async (session: OwnedSession, agent: Agent): Promise<void> => {
    const { orgId } = session.snapshot;
    const organization: ActionOrganization = await catalogue.organization(orgId);
    const entries = (await catalogue.all(orgId)).filter(({ record }) => agent.actions.includes(record.id));
    await executor.warm(
      entries.flatMap(({ action }) =>
        action === null
          ? []
          : [{ organization, action, session: sessionContext(session, session.contact), user: attributesOf(session) }],
      ),
    );
  };

  return {
    door: {
      opened(session, agent) {
        live.set(session.id, { session, agent, notRepeated: new Set() });
        if (agent.actions.length === 0) return;
        warm(session, agent).catch((err: unknown) =>
          log.warn({ err, sessionId: session.id }, 'Connections for the actions of a call could not be opened ahead.'),
        );
      },
      async run(session, name, attributes) {
        const { orgId } = session.snapshot;
        try {
          const entry = await catalogue.find(orgId, name);
          if (entry === null || !mayUse(session, entry.record.id)) {
            return refused('not_found', `There is no action ${JSON.stringify(name)}.`);
          }
          const args = jsonOf(attributes);
          const result = await runHere(session, { orgId, name: entry.record.id, args, joins: true });
          const { success, statusCode, error, ai } = result;
          const durationMs = Math.round(result.durationMs * 10) / 10;
          return {
            ...{ success, statusCode, outputs: ai.outputs, durationMs },
            // The operator's sentence names hosts and parts, which the caller has no use for; the history has it.
            ...(error === undefined ? {} : { error: { code: error.code, message: ai.text } }),
            ...(ai.body === undefined ? {} : { text: ai.body }),
          };
        } catch (error) {
          log.error({ err: error, sessionId: session.id, action: name }, 'An action of a call could not be run.');
          if (!isGatewayError(error)) return refused('internal', 'The action could not be run.');
          return refused(error.code, error.code === 'conflict' ? aiSentences.setup : error.message);
        }
      },
      notRepeated: (sessionId) => live.get(sessionId)?.notRepeated ?? nothing,
      async tools(orgId, agent): Promise<readonly ToolDescription[]> {
        const entries = await catalogue.all(orgId);
        return entries.flatMap(({ record, action }) => {
          if (action === null || !agent.actions.includes(record.id)) return [];
          const tool = toolOf(action, executor.expectedLatencyMs(orgId, action.slug));
          const { name, description, parameters, expectedLatencyMs } = tool;
          const latency = expectedLatencyMs === undefined ? {} : { expectedLatencyMs };
          return [{ name, description, parameters: toolParameters(parameters), ...latency }];
        });
      },
    },
    run: (request) =>
      request.sessionId === undefined ? runAlone(request) : runHere(find(request.orgId, request.sessionId), request),
    session: find,
    closed(sessionId) {
      live.delete(sessionId);
      headers.forget(sessionId);
    },
  };
};
