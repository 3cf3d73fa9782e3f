import type { Clock, Timer } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import {
  createOutageBuffer,
  type RedisConnection,
  replyFields,
  replyList,
  replyNumber,
  replyText,
  replyTexts,
} from '../../platform/redis/index.js';
import { decodeContact } from './contact-hash.js';
import { jsonText } from './json.js';
import { callIdPart, sessionKeys } from './keys.js';
import type { OwnedSession, SessionChange, SessionDraft } from './ports.js';
import type { CallerIdentity, Contact, PhoneSession } from './records.js';
import { sessionScripts } from './scripts.js';
import { changeFields, decodeSession, draftFields, sessionFields, startedSession, withChange } from './session-hash.js';
import { changeArguments, changeSize, encodeEntry, type NumberedChange, squeezeChanges } from './write-queue.js';

export type OwnedSessionsOptions = {
  readonly redis: RedisConnection;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** ms an ended session is kept. */
  readonly retention: number;
  readonly buffer: { readonly maxItems?: number; readonly maxBytes?: number; readonly linger?: number };
  /** A webhook that had come before its call stamped the session just created: there is work in the queue. */
  readonly onWork: (orgId: string) => void;
};

/** The sessions this instance owns, and their way into Redis. */
export type OwnedSessions = {
  create(draft: SessionDraft): Promise<OwnedSession>;
  /** Another part of the gateway stamped a session that may be one of ours; with `caller` it also learned who calls. */
  stampSeen(id: string, ticketId: string, caller?: CallerIdentity): void;
  count(): number;
  /** Makes sure that Redis has every owned session as a live one. */
  reviveAll(): Promise<void>;
  /** Work of each beat: forgets released sessions, and ends what a create without an answer may have left. */
  tidy(): Promise<void>;
  /** Ends sessions that Redis holds as this instance's but that nobody here knows. */
  endStrays(orgIds: readonly string[]): Promise<void>;
  pending(): { readonly items: number; readonly bytes: number };
  /** Waits up to `timeout` ms for what is still to be written; says how much was not. */
  close(timeout: number): Promise<{ readonly unwritten: number }>;
};

type State = {
  session: PhoneSession;
  readonly contact: Contact | null;
  /** Number of the last change made, and of the last one known to be in Redis. */
  made: number;
  applied: number;
  releasedAt: number | null;
};

/** Above the number of any change an owner makes in one call: for ending a session that nobody has in memory. */
const lastNumber = 1_000_000_000;
/** ms a released session stays in memory, so that its last writes can be sent again after an outage. */
const releaseDelay = 5_000;
/** ms for which a create without an answer is looked for. */
const strayWindow = 60_000;
const reviveBatch = 50;
const reviveRetry = 500;

/**
 * What nobody else acts upon may wait some moments for the next change: timeline entries, and that a call was answered.
 * Its end, a transfer and attributes are written at once.
 */
const isPatient = (change: SessionChange): boolean => {
  for (const name in change) if (!patientFields.has(name)) return false;
  return change.status === undefined || change.status === 'active';
};
const patientFields: ReadonlySet<string> = new Set<keyof SessionChange>(['status', 'timeline', 'answeredAt']);

export const createOwnedSessions = (options: OwnedSessionsOptions): OwnedSessions => {
  const { redis, instanceId, clock, log, retention } = options;
  const states = new Map<string, State>();
  const creating = new Set<string>();
  const unanswered = new Map<string, { readonly orgId: string; readonly at: number }>();
  const knownOrgs = new Set<string>();
  let recovery = 0;
  let recoveryTimer: Timer | null = null;

  const runChange = async (
    orgId: string,
    id: string,
    changes: readonly NumberedChange[],
  ): Promise<readonly string[]> => {
    const reply = await redis.run(
      sessionScripts.change,
      [sessionKeys.session(orgId, id)],
      [sessionKeys.prefix(orgId), id, instanceId, retention, ...changeArguments(changes)],
    );
    return replyTexts(reply);
  };

  const revive = async (state: State): Promise<void> => {
    const { session } = state;
    const { orgId, id } = session;
    const result = replyText(
      await redis.run(
        sessionScripts.revive,
        [sessionKeys.session(orgId, id)],
        [
          ...[sessionKeys.prefix(orgId), id, instanceId, retention, session.startedAt, session.caller.e164 ?? ''],
          ...[callIdPart(session.sipCallId), state.applied, clock.now(), jsonText({ instanceId })],
          ...sessionFields(session),
        ],
      ),
    );
    if (result === 'revived' || result === 'restored') {
      log.warn({ sessionId: id, orgId, result }, 'A session that Redis held as ended or not at all lives again.');
    }
  };

  const stampSeen: OwnedSessions['stampSeen'] = (id, ticketId, caller) => {
    const state = states.get(id);
    // A stamp of our own is seen twice: in its answer and as news of the store.
    if (state === undefined || (state.session.zendeskTicketId === ticketId && caller === undefined)) return;
    state.session = { ...state.session, zendeskTicketId: ticketId, ...(caller === undefined ? {} : { caller }) };
  };

  const send = async (id: string, changes: readonly NumberedChange[]): Promise<void> => {
    const state = states.get(id);
    if (state === undefined) throw new GatewayError('internal', `Session ${id} has writes but no owner.`);
    let [result, applied, ticketId, work] = await runChange(state.session.orgId, id, changes);
    if (result === 'reaped' || result === 'missing') {
      await revive(state);
      [result, applied, ticketId, work] = await runChange(state.session.orgId, id, changes);
    }
    if (result !== 'ok') {
      throw new GatewayError('internal', `Redis does not have session ${id} as one of this instance (${result}).`);
    }
    state.applied = Number(applied);
    if (ticketId !== undefined && ticketId !== '') stampSeen(id, ticketId);
    if (work === '1') options.onWork(state.session.orgId);
  };

  const buffer = createOutageBuffer<NumberedChange>({
    send,
    sizeOf: changeSize,
    squeeze: squeezeChanges,
    clock,
    log,
    ...options.buffer,
  });

  const push = (state: State, change: SessionChange, keepWhole = false): Promise<void> => {
    state.session = withChange(state.session, change);
    state.made += 1;
    const timeline = (change.timeline ?? []).map(encodeEntry);
    return buffer.push(
      state.session.id,
      { number: state.made, ...changeFields(change), timeline },
      { keepWhole, patient: isPatient(change) },
    );
  };

  const refresh = async (state: State, timeout: number): Promise<PhoneSession | null> => {
    const { orgId, id } = state.session;
    let timer: Timer | null = null;
    const late = new Promise<null>((resolve) => {
      timer = clock.after(timeout, () => resolve(null));
    });
    const read = redis.command('HGETALL', sessionKeys.session(orgId, id)).then(
      (reply) => decodeSession(replyFields(reply)),
      () => null,
    );
    const stored = await Promise.race([read, late]);
    (timer as Timer | null)?.cancel();
    if (stored === null) return null;
    // Only what others write is taken over: our own latest changes may still be on their way.
    const { zendeskTicketId, contactId, caller } = stored;
    state.session = {
      ...state.session,
      caller,
      zendeskTicketId: zendeskTicketId ?? state.session.zendeskTicketId,
      contactId: contactId ?? state.session.contactId,
    };
    return state.session;
  };

  const handle = (state: State): OwnedSession => ({
    id: state.session.id,
    get snapshot() {
      return state.session;
    },
    contact: state.contact,
    change: (change) => push(state, change),
    note: (type, data = {}) => void push(state, { timeline: [{ at: clock.now(), type, data }] }),
    refresh: (timeout) => refresh(state, timeout),
    release: () => {
      state.releasedAt ??= clock.monotonic();
    },
  });

  /** The organization is listed before its first session, so that whoever looks for sessions of the dead finds it. */
  const listOrg = async (orgId: string): Promise<void> => {
    if (knownOrgs.has(orgId)) return;
    await redis.command('SADD', sessionKeys.orgs, orgId);
    knownOrgs.add(orgId);
  };

  const create = async (draft: SessionDraft): Promise<OwnedSession> => {
    const { orgId, id } = draft;
    const e164 = draft.caller.withheld ? null : draft.caller.e164;
    creating.add(id);
    try {
      await listOrg(orgId);
      unanswered.set(id, { orgId, at: clock.monotonic() });
      const answer = await redis.run(
        sessionScripts.create,
        [sessionKeys.session(orgId, id)],
        [
          ...[sessionKeys.prefix(orgId), id, instanceId, retention, draft.startedAt, e164 ?? ''],
          ...[callIdPart(draft.sipCallId), draft.linkContact && e164 !== null ? newUuid() : '', orgId],
          ...encodeEntry(draft.first),
          ...[`${sessionKeys.stampChannel}:`, draft.mostLive ?? ''],
          ...draftFields(draft, instanceId),
        ],
      );
      unanswered.delete(id);
      if (answer === 'full') {
        throw new GatewayError('organization_limit', `The organization is at its limit of ${draft.mostLive} calls.`);
      }
      const reply = replyList(answer);
      if (reply.length === 0) throw new GatewayError('conflict', `There is a session ${id} already.`);
      const contact = decodeContact(replyFields(reply[1]));
      const heldTicket = replyText(reply[2]);
      const session = startedSession(draft, {
        ticketNumber: replyNumber(reply[0]),
        contactId: contact?.id ?? null,
        zendeskTicketId: heldTicket === '' ? null : heldTicket,
        instanceId,
      });
      const state: State = { session, contact, made: 1, applied: 1, releasedAt: null };
      states.set(id, state);
      if (heldTicket !== '') options.onWork(orgId);
      return handle(state);
    } finally {
      creating.delete(id);
    }
  };

  const endStray = async (orgId: string, id: string): Promise<boolean> => {
    const at = clock.now();
    const change: SessionChange = {
      ...{ status: 'ended', endReason: 'rejected', endedAt: at },
      timeline: [{ at, type: 'call.rejected', data: { reason: 'store_unavailable' } }],
    };
    const timeline = (change.timeline ?? []).map(encodeEntry);
    const [result] = await runChange(orgId, id, [{ number: lastNumber, ...changeFields(change), timeline }]);
    if (result === 'ok') log.warn({ sessionId: id, orgId }, 'A session whose creation had no answer was ended.');
    return result === 'ok';
  };

  const tidy = async (): Promise<void> => {
    const now = clock.monotonic();
    for (const [id, state] of states) {
      if (state.releasedAt === null || now - state.releasedAt < releaseDelay) continue;
      if (buffer.retire(id)) states.delete(id);
    }
    for (const [id, { orgId, at }] of unanswered) {
      if (creating.has(id)) continue;
      if ((await endStray(orgId, id)) || now - at > strayWindow) unanswered.delete(id);
    }
  };

  const endStrays = async (orgIds: readonly string[]): Promise<void> => {
    for (const orgId of orgIds) {
      const ids = replyTexts(await redis.command('SMEMBERS', sessionKeys.owned(orgId, instanceId)));
      for (const id of ids) {
        if (!states.has(id) && !creating.has(id)) await endStray(orgId, id);
      }
    }
  };

  const reviveAll = async (): Promise<void> => {
    const all = [...states.values()];
    knownOrgs.clear();
    for (const orgId of new Set(all.map((state) => state.session.orgId))) await listOrg(orgId);
    for (let at = 0; at < all.length; at += reviveBatch) {
      await Promise.all(all.slice(at, at + reviveBatch).map(revive));
    }
  };

  /** After an outage: first the sessions, then what was written meanwhile, session by session. */
  const recover = async (round: number, outage: number): Promise<void> => {
    try {
      buffer.open();
      await reviveAll();
      if (round !== recovery) return;
      for (const [id, state] of states) {
        const lost = buffer.takeLost(id);
        if (state.session.status !== 'ended') {
          const data = lost === 0 ? { outage } : { outage, lostEntries: lost };
          void push(state, { timeline: [{ at: clock.now(), type: 'store.restored', data }] }, true);
        }
        buffer.resume(id);
      }
      await tidy();
    } catch (error) {
      if (round !== recovery) return;
      log.warn({ err: error }, 'Sessions could not yet be brought back after the outage.');
      recoveryTimer = clock.after(reviveRetry, () => void recover(round, outage));
    }
  };

  const offDown = redis.on('down', ({ reason }) => {
    recovery += 1;
    recoveryTimer?.cancel();
    buffer.hold();
    for (const state of states.values()) {
      if (state.session.status === 'ended') continue;
      void push(state, { timeline: [{ at: clock.now(), type: 'store.lost', data: { reason } }] });
    }
  });
  const offUp = redis.on('up', ({ outage }) => {
    recovery += 1;
    if (outage !== null) void recover(recovery, outage);
  });

  return {
    create,
    stampSeen,
    count: () => states.size,
    reviveAll,
    tidy,
    endStrays,
    pending: buffer.pending,
    close: async (timeout) => {
      const drained = Promise.all(buffer.lanes().map((id) => buffer.drained(id)));
      let timer: Timer | null = null;
      const late = new Promise<void>((resolve) => {
        timer = clock.after(timeout, resolve);
      });
      await Promise.race([drained, late]);
      (timer as Timer | null)?.cancel();
      recovery += 1;
      recoveryTimer?.cancel();
      offDown();
      offUp();
      buffer.close();
      const unwritten = buffer.pending().items;
      if (unwritten > 0) log.error({ unwritten }, 'The gateway stops with writes that Redis never took.');
      return { unwritten };
    },
  };
};
