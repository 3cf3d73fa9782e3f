import type { LadderReader } from '../api/index.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { type Calls, type RecordingAction, type RecordingView, recordingActions } from '../domain/calls/index.js';
import type { SessionStore } from '../domain/sessions/index.js';
import type { CommandBus } from '../platform/redis/index.js';
import type { Ladder, LadderView } from '../telephony/sip/index.js';
import { ladderCapture, ladderText } from '../telephony/sip/index.js';

/** How long the owner of a session may take to answer another instance, ms. */
const patience = 3_000;

export type CallControlDeps = {
  readonly instanceId: string;
  readonly bus: CommandBus;
  readonly sessions: Pick<SessionStore, 'locate' | 'get'>;
  readonly calls: () => Calls;
  readonly ladder: Ladder;
  /** Takes the commands of other parts; null for those that are not theirs. */
  readonly also: (name: string, payload: unknown) => Promise<unknown> | null;
  readonly log: Logger;
};

export type CallControl = {
  hangup(orgId: string, sessionId: string): Promise<void>;
  ladder(orgId: string, sessionId: string, format: 'json' | 'text'): Promise<unknown>;
  record(orgId: string, sessionId: string, action: RecordingAction): Promise<RecordingView>;
  /** Takes commands from other instances until the returned function is called. */
  serve(): Promise<() => void>;
};

const commands = ['hangup', 'ladder', 'record'] as const;
type Command = (typeof commands)[number];
const isCommand = (name: string): name is Command => commands.some((command) => command === name);
type Payload = {
  readonly sessionId: string;
  readonly format?: 'json' | 'text';
  readonly action?: RecordingAction;
};

const ended = (sessionId: string): GatewayError => new GatewayError('session_ended', `Session ${sessionId} has ended.`);

/** Commands for a session reach whichever instance owns its call. */
export const createCallControl = (deps: CallControlDeps): CallControl => {
  const ladderOf = (sessionId: string, format: 'json' | 'text'): unknown => {
    const view = deps.ladder.get(sessionId);
    if (view === null) return null;
    return format === 'text' ? ladderText(view) : view;
  };

  const here = (command: Command, payload: Payload): unknown => {
    if (command === 'ladder') return ladderOf(payload.sessionId, payload.format ?? 'json');
    const call = deps.calls().find(payload.sessionId);
    if (call === undefined) throw ended(payload.sessionId);
    if (command === 'record') {
      const action = recordingActions.find((known) => known === payload.action);
      if (action === undefined) throw new GatewayError('bad_request', 'There is no such action on a recording.');
      return call.recording.act(action);
    }
    call.hangUp('api-hangup');
    return null;
  };

  const ownerOf = async (orgId: string, sessionId: string): Promise<string> => {
    const found = await deps.sessions.locate(sessionId);
    if (found === null || found.orgId !== orgId)
      throw new GatewayError('not_found', `There is no session ${sessionId}.`);
    return found.instanceId;
  };

  const run = async (orgId: string, command: Command, payload: Payload): Promise<unknown> => {
    const owner = await ownerOf(orgId, payload.sessionId);
    if (owner === deps.instanceId) return here(command, payload);
    return deps.bus.request(owner, command, payload, { timeout: patience });
  };

  return {
    async hangup(orgId, sessionId) {
      const session = await deps.sessions.get(orgId, sessionId);
      if (session === null) throw new GatewayError('not_found', `There is no session ${sessionId}.`);
      if (session.status === 'ended') throw ended(sessionId);
      await run(orgId, 'hangup', { sessionId });
    },
    async ladder(orgId, sessionId, format) {
      try {
        return await run(orgId, 'ladder', { sessionId, format });
      } catch (error) {
        // The instance that recorded it is gone, and its ladder with it.
        if (error instanceof GatewayError && error.code === 'owner_unreachable') return null;
        throw error;
      }
    },
    // What the owner answers is a view of its recording, here or over there.
    record: async (orgId, sessionId, action) => (await run(orgId, 'record', { sessionId, action })) as RecordingView,
    serve: () =>
      deps.bus.serve(deps.instanceId, async (name, payload) => {
        const taken = deps.also(name, payload);
        if (taken !== null) return taken;
        const { sessionId, format, action } = payload as Payload;
        if (!isCommand(name) || typeof sessionId !== 'string') {
          throw new GatewayError('bad_request', `The command ${name} is not known to this instance.`);
        }
        return here(name, {
          sessionId,
          format: format === 'text' ? 'text' : 'json',
          ...(action === undefined ? {} : { action }),
        });
      }),
  };
};

/** Ladders as the API gives them out. */
export const ladderReader = ({ ladder }: Pick<CallControl, 'ladder'>): LadderReader => ({
  json: (orgId, sessionId) => ladder(orgId, sessionId, 'json'),
  text: async (orgId, sessionId) => {
    const text = await ladder(orgId, sessionId, 'text');
    return typeof text === 'string' ? text : null;
  },
  capture: async (orgId, sessionId) => {
    const view = await ladder(orgId, sessionId, 'json');
    // What our own recorder made, here or on another instance.
    return view === null ? null : ladderCapture(view as LadderView);
  },
});
