import { newUuid } from '../../core/ids.js';
import type { TransferDestination } from '../directory/records.js';
import { type AttemptRecord, type AttemptResult, type DialResult, runAttempt } from '../transfer/index.js';
import type { PromptSource } from './ports.js';
import type { CallerHearing } from './transfer-hearing.js';
import { dialInvite, dialRefer, type LegEvents, type TransferLeg } from './transfer-leg.js';
import type { TransferNotes } from './transfer-notes.js';
import type { TransferContext, TransferDeps, TransferRequest } from './transfer-ports.js';
import { isAllowListed, profileOf } from './transfer-profile.js';

export type AttemptParts = {
  readonly hearing: Pick<CallerHearing, 'choose'>;
  /** The agent falls silent and the caller hears that it rings. */
  readonly ringing: () => void;
  readonly notes: Pick<TransferNotes, 'begin'>;
  readonly legEvents: () => LegEvents;
  readonly onRecord: (record: AttemptRecord) => void;
  readonly signal: AbortSignal;
  /** Who aborted `signal`. */
  readonly by: () => 'cancelled' | 'caller-hung-up';
};

/** One attempt on one destination, with the call's ports. The leg is null where the carrier made the call (REFER). */
export const attemptTransfer = async (
  deps: TransferDeps,
  context: TransferContext,
  destination: TransferDestination,
  { summary, dialtone = false }: TransferRequest,
  parts: AttemptParts,
): Promise<AttemptResult<TransferLeg | null>> => {
  const { session, route } = context;
  const { signal, ringing } = parts;
  const profile = profileOf(deps, destination);
  const source = await holdAudioOf(deps, context, destination);
  parts.hearing.choose(source);
  // While the caller still talks with the agent: nothing rings yet.
  if (destination.type === 'sip' && session.snapshot.zendeskTicketId === null) {
    await deps.ensureTicket(session.snapshot);
  }
  const note = parts.notes.begin(destination, summary);
  const facts = (known: typeof session.snapshot) => ({
    ticketId: known.zendeskTicketId,
    contactId: known.contactId,
    caller: known.caller,
  });
  return runAttempt<TransferLeg | null>(
    {
      clock: deps.clock,
      session: {
        read: async (timeout) => {
          const known = await session.refresh(timeout);
          return known === null ? null : facts(known);
        },
        lastKnown: () => facts(session.snapshot),
      },
      dial: (plan, hooks): Promise<DialResult<TransferLeg | null>> => {
        // With hold audio the agent's part ends with the INVITE, else with the first 18x (transfer.md T4).
        if ((source !== null || dialtone) && !signal.aborted) ringing();
        return plan.method === 'refer'
          ? dialRefer(deps, context, plan, hooks)
          : dialInvite(deps, context, { destination, profile, plan }, hooks, parts.legEvents());
      },
    },
    {
      id: newUuid(),
      call: { sessionId: session.id, agentId: route.agent.id, called: route.number.number },
      destination,
      profile,
      host: deps.host(),
      summary,
      allowListed: destination.method !== 'refer' && isAllowListed(destination, profile),
      publicAddress: deps.publicAddress(),
      signal,
      cancelledBy: parts.by,
      onPlanned: note.planned,
      onProgress: (status, reason) => {
        note.progress(status, reason);
        if (status >= 180 && !signal.aborted) ringing();
      },
      onRecord: (record) => {
        note.record(record);
        parts.onRecord(record);
      },
    },
  );
};

const holdAudioOf = async (
  deps: Pick<TransferDeps, 'holdAudio'>,
  { log }: Pick<TransferContext, 'log'>,
  { holdAudio: file }: TransferDestination,
): Promise<PromptSource | null> => {
  if (file === null) return null;
  const source = await deps.holdAudio(file);
  if (source === null) log.warn({ file }, 'the hold audio of a destination is not in the prompt folder');
  return source;
};
