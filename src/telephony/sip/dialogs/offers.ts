import { GatewayError, isGatewayError } from '../../../core/errors.js';
import { randomBetween } from '../../../core/ids.js';
import { readSessionDescription } from '../admission/body.js';
import type { SipRequest, SipResponse } from '../connection/messages.js';
import { type DialogContext, legEnded, transact } from './context.js';

/** Re-INVITEs tried before glare is reported to the one who asked. */
const GLARE_ATTEMPTS = 8;

/** Longest Retry-After of a peer that is busy with its own offer, seconds. */
const LONGEST_RETRY_AFTER = 10;

/**
 * Offers and answers after the first ones. At most one exchange is under way: an offer of the peer that meets ours gets
 * 491, a second one of the peer while the first is being answered gets 500 (RFC 3261 section 14.2, RFC 3311 section 5.2),
 * and ours wait for theirs.
 */
export type Offers = {
  /** Sends a re-INVITE; resolves with the SDP of the 200. A function makes the offer each time that one goes out. */
  modify(offer: string | (() => Promise<string>)): Promise<string>;
  /** Sends the description that is in force once more, for the sake of these headers; resolves with the 200. */
  repeat(headers: Readonly<Record<string, string>>): Promise<SipResponse>;
  /** A re-INVITE or UPDATE arrived. */
  receive(request: SipRequest): void;
  /** An ACK arrived; true when it belonged to a re-INVITE. */
  receiveAck(request: SipRequest): boolean;
};

type Exchange = 'idle' | 'ours' | 'theirs' | 'awaiting-answer';

/** How long to wait after glare, ms: the owner of the Call-ID waits 2.1-4 s, the other one 0-2 s, in steps of 10 ms. */
export const glareDelay = (weStarted: boolean): number =>
  10 * (weStarted ? randomBetween(210, 401) : randomBetween(0, 201));

const busyDelay = (response: SipResponse): number | null => {
  const seconds = Number.parseInt(response.header('retry-after') ?? '', 10);
  return response.status === 500 && seconds >= 0 ? Math.min(seconds, LONGEST_RETRY_AFTER) * 1000 : null;
};

/** `first`: our description of the first exchange. */
export const createOffers = (context: DialogContext, first: string): Offers => {
  /** Our description in force. */
  let ours = first;
  let exchange: Exchange = 'idle';
  /** A 200 of ours to a re-INVITE waits for its ACK: no INVITE of ours may go out before (section 14.1). */
  let ackPending = false;
  let waiting: (() => void)[] = [];
  let chain: Promise<unknown> = Promise.resolve();

  const settle = (): void => {
    if (exchange !== 'idle' || ackPending) return;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  };
  const become = (next: Exchange): void => {
    exchange = next;
    settle();
  };
  context.over.add(() => {
    exchange = 'idle';
    ackPending = false;
    settle();
  });

  const untilIdle = async (): Promise<void> => {
    while (!context.over.aborted && (exchange !== 'idle' || ackPending)) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    if (context.over.aborted) throw legEnded();
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        context.over.remove(wake);
        resolve();
      };
      const timer = context.clock.after(ms, wake);
      context.over.add(wake);
    });

  const exchangeOffer = async (
    offer: () => string | Promise<string>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly response: SipResponse; readonly sdp: string }> => {
    for (let attempt = 1; ; attempt++) {
      await untilIdle();
      exchange = 'ours';
      let body: string;
      let response: SipResponse;
      try {
        body = await offer();
        if (context.over.aborted) throw legEnded();
        response = await transact(context, {
          method: 'INVITE',
          headers: { ...headers, 'Content-Type': 'application/sdp' },
          body,
          onUpdate: receive,
          onFinal: () => become('idle'),
        });
      } catch (error) {
        become('idle');
        throw error;
      }
      if (context.over.aborted) throw legEnded();
      if (response.status < 300) {
        const answer = readSessionDescription(response);
        ours = body;
        if (answer.admitted && answer.value !== null) return { response, sdp: answer.value };
        throw new GatewayError('sip_refused', 'The 200 to our re-INVITE carries no session description.');
      }
      const delay = response.status === 491 ? glareDelay(context.weStarted) : busyDelay(response);
      if (delay !== null && attempt < GLARE_ATTEMPTS) {
        await pause(delay);
        continue;
      }
      throw new GatewayError('sip_refused', `The re-INVITE was refused: ${response.status} ${response.reason}.`, {
        details: [{ path: 'status', message: String(response.status) }],
      });
    }
  };

  const refuse = (request: SipRequest, status: number, headers: Readonly<Record<string, string>> = {}): void => {
    request.respond(status, { headers }).catch(() => {});
  };

  const answerOffer = async (request: SipRequest, offer: string | null): Promise<void> => {
    const invite = request.method === 'INVITE';
    try {
      const body = await context.events.offered(offer);
      if (context.over.aborted) return refuse(request, 481);
      // The ACK may arrive before this continues, so what it will find is set before the 200 goes out.
      if (invite) ackPending = true;
      if (invite && offer === null) exchange = 'awaiting-answer';
      await request.respond(200, {
        headers: { 'Content-Type': 'application/sdp' },
        body,
        // The peer's next offer may come in the same read as the news that this answer is out.
        onSent: () => {
          ours = body;
          if (exchange === 'theirs') become('idle');
        },
      });
    } catch (error) {
      ackPending = false;
      become('idle');
      const status = isGatewayError(error) && error.status === 488 ? 488 : 500;
      context.log.warn({ status, error: String(error) }, 'refused an offer of the other side');
      refuse(request, status, status === 500 ? { 'Retry-After': '5' } : {});
    }
  };

  const receive = (request: SipRequest) => {
    const description = readSessionDescription(request);
    if (!description.admitted) {
      const { status, headers } = description.rejection;
      return refuse(request, status, headers ?? {});
    }
    const offer = description.value;
    // An UPDATE without SDP refreshes the session and nothing else (RFC 4028 section 7.4).
    if (request.method === 'UPDATE' && offer === null) return refuse(request, 200);
    if (exchange === 'ours' || exchange === 'awaiting-answer') return refuse(request, 491);
    if (exchange === 'theirs') {
      return refuse(request, 500, { 'Retry-After': String(randomBetween(0, LONGEST_RETRY_AFTER + 1)) });
    }
    exchange = 'theirs';
    context.delivery.push(() => (context.over.aborted ? refuse(request, 481) : answerOffer(request, offer)));
  };

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const run = chain.then(work);
    chain = run.catch(() => {});
    return run;
  };

  return {
    modify: async (offer) => (await inTurn(() => exchangeOffer(typeof offer === 'string' ? () => offer : offer))).sdp,
    repeat: async (headers) => (await inTurn(() => exchangeOffer(() => ours, headers))).response,
    receive,
    receiveAck: (request) => {
      if (!ackPending) return false;
      ackPending = false;
      if (exchange === 'awaiting-answer') {
        const answer = readSessionDescription(request);
        if (answer.admitted && answer.value !== null) {
          const sdp = answer.value;
          context.delivery.push(() => context.events.answered?.(sdp));
        } else {
          context.log.warn({}, 'the ACK to our offer carries no answer');
        }
        exchange = 'idle';
      }
      settle();
      return true;
    },
  };
};
