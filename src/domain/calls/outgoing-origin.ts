import type { Clock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { CallerIdentity } from '../sessions/records.js';
import { type Failure, outcomeOf, type TransferPlan } from '../transfer/index.js';
import type { CallOrigin } from './call-origin.js';
import { pressKeys } from './keys.js';
import { placeLeg } from './place-leg.js';
import type { Dialog, MediaLeg, Signalling } from './ports.js';
import type { TransferProfile } from './transfer-ports.js';

export type OutgoingOptions = {
  readonly signalling: Signalling;
  readonly clock: Clock;
  readonly log: Logger;
  readonly media: MediaLeg;
  readonly plan: Pick<TransferPlan, 'target' | 'from' | 'headers' | 'ringTimeout'>;
  readonly profile: TransferProfile;
  readonly digest: { readonly username: string; readonly password: string } | null;
  /** The operator named the host that is called, not the tenant. */
  readonly operatorHost: boolean;
  readonly sipCallId: string;
  /** Who is called. */
  readonly person: CallerIdentity;
  /** The agent is to be there before they answer. */
  readonly agentFirst: boolean;
  /** Keys sent as soon as they answer, a `w` or `,` waits half a second; null: none. */
  readonly dtmf: string | null;
  readonly allowListed: boolean;
  readonly publicAddress: string;
  readonly onRang: (delayMs: number) => void;
  /** They answered. */
  readonly onAnswered: () => void;
};

/** The call did not come about; `failure` is the outcome as for a transfer. */
class NotAnswered extends Error {
  constructor(readonly failure: Failure) {
    super(failure.reason);
  }
}

/** A call of ours to somebody. */
export const outgoingOrigin = (options: OutgoingOptions): CallOrigin => {
  const { clock, media } = options;
  const giveUp = new AbortController();

  /** Never rejects: whoever answered is there, with or without the keys. */
  const sendKeys = async (keys: string, dialog: Dialog): Promise<void> => {
    const side = { media, dialog: () => dialog, profile: options.profile.rules };
    for (const part of keys.match(/[w,]|[^w,]+/gi) ?? []) {
      if (giveUp.signal.aborted) return;
      if (/^[w,]$/i.test(part)) await new Promise<void>((resolve) => clock.after(500, resolve));
      else {
        await pressKeys(side, part.toUpperCase()).catch((error: unknown) => {
          if (!giveUp.signal.aborted) options.log.warn({ err: error }, 'the keys of a call could not be sent');
        });
      }
    }
  };

  return {
    direction: 'outbound',
    profile: options.profile.rules,
    caller: options.person,
    sipCallId: options.sipCallId,
    headers: new Map(),
    begunAt: clock.now(),
    cancelled: new AbortController().signal,
    first: () => ({ type: 'dialled', agentFirst: options.agentFirst }),
    ring: () => {},
    async connect(events, progress) {
      const result = await placeLeg({
        signalling: options.signalling,
        ...{ clock, media },
        plan: options.plan,
        ...{ profile: options.profile.name, operatorHost: options.operatorHost },
        digest: options.digest,
        sipCallId: options.sipCallId,
        hooks: {
          signal: giveUp.signal,
          onProgress: progress,
          onSent: () => {},
          onRang: options.onRang,
        },
        events,
        log: options.log,
      });
      if (!result.answered) {
        throw new NotAnswered(
          outcomeOf(result.end, {
            cancelledBy: 'cancelled',
            allowListed: options.allowListed,
            egressAddress: result.sent?.viaReceived ?? options.publicAddress,
          }),
        );
      }
      options.onAnswered();
      if (options.dtmf !== null) await sendKeys(options.dtmf, result.leg);
      return result.leg;
    },
    failed: (error) => {
      if (error instanceof NotAnswered) {
        const reason = error.failure.outcome === 'cancelled' ? 'cancelled' : 'rejected';
        return { event: { type: 'not-answered', reason }, failure: error.failure };
      }
      options.log.error({ err: error }, 'a call could not be placed');
      const reason = isGatewayError(error)
        ? error.message
        : 'The gateway could not place the call; its log has the cause.';
      return {
        event: { type: 'not-answered', reason: 'error' },
        failure: { outcome: 'failed', sipStatus: null, reason, hint: null },
      };
    },
    reject: () => {},
    giveUp: () => giveUp.abort(),
  };
};
