import type { TransferControl } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError, isGatewayError } from '../core/errors.js';
import type { Calls, CallTransfers } from '../domain/calls/index.js';
import type { SessionStore } from '../domain/sessions/index.js';
import { type AttemptRecord, createReplays } from '../domain/transfer/index.js';
import type { CommandBus } from '../platform/redis/index.js';

/** How long the owner of a call may take to answer another instance, ms, beyond what the command itself waits for. */
const patience = 3_000;
/** Transfers whose decision can still be asked for. */
const mostWatched = 10_000;

export type TransferControlDeps = {
  readonly instanceId: string;
  readonly bus: CommandBus;
  readonly sessions: Pick<SessionStore, 'locate'>;
  readonly calls: () => Calls;
  readonly clock: Clock;
};

/** `name` is one of ours: the answer; else null. */
export type CommandTaker = (name: string, payload: unknown) => Promise<unknown> | null;

type Started = { readonly accepted: boolean; readonly attempt: AttemptRecord };
type Payload = {
  readonly sessionId: string;
  readonly destination?: string;
  readonly summary?: string | null;
  readonly key?: string | null;
  readonly attemptId?: string;
  readonly within?: number;
};

/** There is a transfer already: nothing was done, so nothing is kept for the key. */
class Busy extends Error {
  constructor(readonly attempt: AttemptRecord) {
    super('busy');
  }
}

const ended = (): GatewayError => new GatewayError('session_ended', 'The session has ended.');

/** Transfers reach whichever instance owns the call; there, one transfer per call and key. */
export const createTransferControl = (
  deps: TransferControlDeps,
): { readonly control: TransferControl; readonly take: CommandTaker } => {
  const replays = createReplays<AttemptRecord>(deps.clock);
  const watched = new Map<string, { latest: AttemptRecord; decided: Promise<AttemptRecord>; done: boolean }>();

  const transfersOf = (sessionId: string): CallTransfers => {
    const call = deps.calls().find(sessionId);
    if (call === undefined) throw ended();
    return call.transfers;
  };

  const watch = (first: AttemptRecord, decided: Promise<AttemptRecord>): void => {
    const entry = { latest: first, decided, done: false };
    watched.set(first.id, entry);
    void decided.then((record) => {
      entry.latest = record;
      entry.done = true;
    });
    const [oldest] = watched.keys();
    if (watched.size > mostWatched && oldest !== undefined) watched.delete(oldest);
  };

  const begin = async ({ sessionId, destination = '', summary = null }: Payload): Promise<AttemptRecord> => {
    const transfer = await transfersOf(sessionId).start({ destination, summary });
    if (!transfer.started) throw new Busy(transfer.current);
    watch(transfer.first, transfer.decided);
    return transfer.first;
  };

  const here = {
    'transfer-start': async (payload: Payload): Promise<Started> => {
      const { sessionId, destination, key } = payload;
      try {
        const attempt =
          key === null || key === undefined
            ? await begin(payload)
            : await replays.once(`${sessionId} ${key}`, destination ?? '', () => begin(payload));
        return { accepted: true, attempt };
      } catch (error) {
        if (error instanceof Busy) return { accepted: false, attempt: error.attempt };
        throw error;
      }
    },
    'transfer-watch': async ({ attemptId = '', within = 0 }: Payload) => {
      const entry = watched.get(attemptId);
      if (entry === undefined) throw new GatewayError('not_found', 'This transfer is not known any more.');
      if (!entry.done) {
        let timer: { cancel(): void } | undefined;
        const late = new Promise<void>((resolve) => {
          timer = deps.clock.after(within, resolve);
        });
        await Promise.race([entry.decided, late]);
        timer?.cancel();
        // The entry is marked behind the same promise; one turn later it is.
        await Promise.resolve();
      }
      return { decided: entry.done, attempt: entry.latest };
    },
    'transfer-current': async ({ sessionId }: Payload) => deps.calls().find(sessionId)?.transfers.current() ?? null,
    'transfer-cancel': async ({ sessionId }: Payload): Promise<AttemptRecord> => {
      const transfers = transfersOf(sessionId);
      const decided = transfers.decided();
      if (!transfers.cancel('cancelled')) {
        throw new GatewayError('conflict', 'No transfer of this call is ringing.');
      }
      const attempt = await decided;
      if (attempt === null) throw new GatewayError('conflict', 'No transfer of this call is ringing.');
      return attempt;
    },
  };
  type Command = keyof typeof here;
  const isCommand = (name: string): name is Command => Object.hasOwn(here, name);

  const run = async (orgId: string, name: Command, payload: Payload): Promise<unknown> => {
    // A call of this instance is known without the store, for which a transfer never waits.
    if (deps.calls().find(payload.sessionId)?.orgId === orgId) return here[name](payload);
    const found = await deps.sessions.locate(payload.sessionId);
    if (found === null || found.orgId !== orgId) {
      throw new GatewayError('not_found', `There is no session ${payload.sessionId}.`);
    }
    if (found.instanceId === deps.instanceId) return here[name](payload);
    return deps.bus.request(found.instanceId, name, payload, { timeout: patience + (payload.within ?? 0) });
  };

  const control: TransferControl = {
    organizationOf: (sessionId) => deps.calls().find(sessionId)?.orgId ?? null,
    start: async (orgId, sessionId, request) =>
      (await run(orgId, 'transfer-start', { sessionId, ...request })) as Started,
    watch: async (orgId, sessionId, attemptId, within) =>
      (await run(orgId, 'transfer-watch', { sessionId, attemptId, within })) as {
        decided: boolean;
        attempt: AttemptRecord;
      },
    current: async (orgId, sessionId) => {
      try {
        return (await run(orgId, 'transfer-current', { sessionId })) as AttemptRecord | null;
      } catch (error) {
        // What the store knows is good enough while the owner cannot be asked.
        if (isGatewayError(error, 'owner_unreachable')) return null;
        throw error;
      }
    },
    cancel: async (orgId, sessionId) => (await run(orgId, 'transfer-cancel', { sessionId })) as AttemptRecord,
  };

  return {
    control,
    take: (name, payload) => {
      if (!isCommand(name)) return null;
      const given = payload as Payload;
      if (typeof given?.sessionId !== 'string') {
        return Promise.reject(new GatewayError('bad_request', 'The command names no session.'));
      }
      return here[name](given);
    },
  };
};
