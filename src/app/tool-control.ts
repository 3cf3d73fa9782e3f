import type { ToolControl } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import { newUuid } from '../core/ids.js';
import type { Calls } from '../domain/calls/index.js';
import type { ToolAnswer, ToolDescription } from '../domain/calls/ports.js';
import type { SessionStore } from '../domain/sessions/index.js';
import { createReplays } from '../domain/transfer/index.js';
import type { CommandBus } from '../platform/redis/index.js';
import type { Vault } from '../platform/vault/index.js';

/** How long the owner of a call may take to answer another instance, ms, beyond what the command itself waits for. */
const patience = 3_000;
/** How long one look at a tool that runs elsewhere lasts, ms: a lost instance keeps nobody waiting longer. */
const watchFor = 2_000;
/** How long an answer waits for the instance that asked, ms. */
const keep = 60_000;

export type ToolControlDeps = {
  readonly instanceId: string;
  readonly bus: CommandBus;
  readonly vault: Pick<Vault, 'sealBytes' | 'openBytes'>;
  readonly sessions: Pick<SessionStore, 'locate'>;
  readonly calls: () => Calls;
  readonly clock: Clock;
};

type Use = { readonly name: string; readonly args: unknown; readonly key: string | null };
/** `sealed` holds a `Use` on the way there. */
type Command = { readonly sessionId: string; readonly sealed?: string; readonly ticket?: string };
/** `sealed` holds the answer once there is one. */
type Look = { readonly ticket: string; readonly sealed: string | null };

/** Commands for tools have a channel of their own beside those of calls and actions. */
const channelOf = (instanceId: string): string => `${instanceId}.tools`;

const over: ToolAnswer = { ok: false, fault: { code: 'session_ended', message: 'The call has ended.' } };

/** A refusal that did nothing: the same request may be sent again with the same key. */
class NotDone extends Error {
  constructor(readonly answer: ToolAnswer) {
    super('not done');
  }
}

/** The tools of calls, used from any instance on the one that owns the call. What goes over Redis is sealed. */
export const createToolControl = (
  deps: ToolControlDeps,
): { readonly control: ToolControl; serve(): Promise<() => void> } => {
  const { bus, vault, clock } = deps;
  const replays = createReplays<ToolAnswer>(clock);
  const running = new Map<string, Promise<ToolAnswer>>();

  const scopeOf = (sessionId: string) => ({ organization: '', kind: 'tool-call', name: sessionId });
  const seal = (sessionId: string, value: unknown): string =>
    vault.sealBytes(scopeOf(sessionId), Buffer.from(JSON.stringify(value)));
  // Only instances of this gateway, which have the key, can have sealed it.
  const unseal = <T>(sessionId: string, sealed: string): T =>
    JSON.parse(vault.openBytes(scopeOf(sessionId), sealed).toString()) as T;

  const use = async (sessionId: string, { name, args, key }: Use): Promise<ToolAnswer> => {
    const tools = deps.calls().find(sessionId)?.tools;
    if (tools === undefined) return over;
    if (key === null) return tools.call(name, args);
    try {
      return await replays.once(`${sessionId} ${key}`, JSON.stringify([name, args]), async () => {
        const answer = await tools.call(name, args);
        if (!answer.ok) throw new NotDone(answer);
        return answer;
      });
    } catch (error) {
      if (error instanceof NotDone) return error.answer;
      throw error;
    }
  };

  const list = async (sessionId: string): Promise<readonly ToolDescription[]> => {
    const tools = deps.calls().find(sessionId)?.tools;
    if (tools === undefined) throw new GatewayError('session_ended', over.ok ? '' : over.fault.message);
    return tools.list();
  };

  /** The answer when it comes within `watchFor`, and a ticket to ask again with. */
  const look = async (sessionId: string, ticket: string): Promise<Look> => {
    const answer = running.get(ticket);
    if (answer === undefined) throw new GatewayError('not_found', 'This use of a tool is not known any more.');
    let timer: { cancel(): void } | undefined;
    const late = new Promise<null>((resolve) => {
      timer = clock.after(watchFor, () => resolve(null));
    });
    const found = await Promise.race([answer, late]).finally(() => timer?.cancel());
    return { ticket, sealed: found === null ? null : seal(sessionId, found) };
  };

  const here = {
    list: ({ sessionId }: Command) => list(sessionId).then((tools) => seal(sessionId, tools)),
    begin: ({ sessionId, sealed = '' }: Command): Promise<Look> => {
      const ticket = newUuid();
      const answer = use(sessionId, unseal<Use>(sessionId, sealed));
      running.set(ticket, answer);
      const forget = (): void => void clock.after(keep, () => running.delete(ticket));
      answer.then(forget, forget);
      return look(sessionId, ticket);
    },
    look: ({ sessionId, ticket = '' }: Command) => look(sessionId, ticket),
  };
  type Name = keyof typeof here;
  const isName = (name: string): name is Name => Object.hasOwn(here, name);

  const ownerOf = async (orgId: string, sessionId: string): Promise<string> => {
    const found = await deps.sessions.locate(sessionId);
    if (found === null || found.orgId !== orgId) {
      throw new GatewayError('not_found', `There is no session ${sessionId}.`);
    }
    return found.instanceId;
  };

  const ask = (owner: string, name: Name, command: Command): Promise<unknown> =>
    bus.request(channelOf(owner), name, command, { timeout: patience + (name === 'list' ? 0 : watchFor) });

  const control: ToolControl = {
    async list(orgId, sessionId) {
      const owner = await ownerOf(orgId, sessionId);
      if (owner === deps.instanceId) return list(sessionId);
      return unseal(sessionId, String(await ask(owner, 'list', { sessionId })));
    },
    async use(orgId, sessionId, { name, args, key }) {
      const owner = await ownerOf(orgId, sessionId);
      if (owner === deps.instanceId) return use(sessionId, { name, args, key });
      const sealed = seal(sessionId, { name, args: args ?? null, key });
      let now = (await ask(owner, 'begin', { sessionId, sealed })) as Look;
      while (now.sealed === null) now = (await ask(owner, 'look', { sessionId, ticket: now.ticket })) as Look;
      return unseal(sessionId, now.sealed);
    },
  };

  return {
    control,
    serve: () =>
      bus.serve(channelOf(deps.instanceId), async (name, payload) => {
        if (!isName(name)) throw new GatewayError('bad_request', `The command ${name} is not known to this instance.`);
        // Built by `ask` of another instance of this gateway.
        return here[name](payload as Command);
      }),
  };
};
