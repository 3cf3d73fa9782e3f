import { GatewayError } from '../../../core/errors.js';
import { newUuid } from '../../../core/ids.js';
import type { OutgoingCallRequest, OutgoingCallResult, SentInvite } from '../../../domain/calls/ports.js';
import { parseViaList } from '../../sip-engine/header-values.js';
import { parseUri } from '../../sip-engine/uri.js';
import { readSessionDescription } from '../admission/body.js';
import type { SentRequest, SipResponse } from '../connection/messages.js';
import type { GuardedCall } from '../destination-guard.js';
import { createDialog } from '../dialogs/dialog.js';
import { answerChallenge } from '../digest/answer.js';
import { canonicalAddress } from '../ip-range.js';
import { plainText } from '../request-view.js';
import { answerQuietly, type CallDeps } from './deps.js';
import { credentialsOf, inviteHeaders, requestUri } from './outgoing-headers.js';
import { intervalAfter422, intervalOf } from './session-timer.js';

/** How long the outcome waits for the end of the INVITE after our CANCEL at ring timeout (transfer.md T4), ms. */
const CANCEL_GRACE = 3000;

/** Longest chain of INVITEs one after another: the first, one with credentials, one with a longer session interval. */
const MAX_ATTEMPTS = 4;

/** `received` of our top Via: the address the peer saw us at (RFC 3261 section 18.2.1). */
const viaReceived = (response: SipResponse): string | null => {
  const [top] = parseViaList(response.header('via') ?? '') ?? [];
  return top?.params.get('received') ?? null;
};

const responseHeaders = (response: SipResponse): ReadonlyMap<string, string> =>
  new Map(Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)]));

/**
 * The next hop of an INVITE that answers a challenge: the server that challenged, since a name may resolve to another
 * one that does not know the nonce. Not needed for addresses, and not for TLS, whose certificate names the host.
 */
const pinnedRoute = (uri: string, response: SipResponse): string | undefined => {
  const parsed = parseUri(uri);
  if (parsed === undefined || canonicalAddress(parsed.host) !== null) return undefined;
  const transport = parsed.params.get('transport')?.toLowerCase();
  const { address, port } = response.source;
  if (transport === 'tls' || canonicalAddress(address) === null) return undefined;
  const host = address.includes(':') ? `[${address}]` : address;
  return `sip:${host}:${port}${transport === undefined ? '' : `;transport=${transport}`}`;
};

/**
 * Places a call: one INVITE with our offer, and whatever it takes until it is answered, has failed or is given up. A
 * 2xx that comes too late is ACKed and BYEd, redirects are not followed. Rejects only for a request that could never be
 * sent (GatewayError bad_request, not_found).
 */
export const placeCall = async (request: OutgoingCallRequest, deps: CallDeps): Promise<OutgoingCallResult> => {
  const profile = deps.profiles.get(request.profile);
  if (profile === undefined) {
    throw new GatewayError('not_found', `There is no SIP profile ${JSON.stringify(plainText(request.profile))}.`);
  }
  const uri = requestUri(request, profile);
  const baseHeaders = inviteHeaders(request, profile, deps.domain);
  const guarded = await guardedCall(request, uri, deps);
  const credentials = credentialsOf(request, profile);
  const log = deps.log.child({ destination: plainText(uri), profile: profile.name });

  return new Promise((resolve) => {
    let current: SentRequest | null = null;
    let sentInvite: SentInvite | null = null;
    let received: string | null = null;
    let earlySdp: string | null = null;
    let heard = false;
    let settled = false;
    let gaveUp: 'timeout' | 'aborted' | null = null;
    let attempts = 0;
    let authenticated = false;
    let grace: { cancel(): void } | null = null;

    const sent = (): SentInvite | null => (sentInvite === null ? null : { ...sentInvite, viaReceived: received });
    const settle = (result: OutgoingCallResult): void => {
      if (settled) return;
      settled = true;
      ringTimer.cancel();
      grace?.cancel();
      guarded.call?.end();
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const fail = (status: number | null, reason: string, local: boolean): void => {
      const why = (local ? guarded.call?.refusal() : null) ?? guarded.refusal ?? reason;
      settle({ outcome: 'failed', status, reason: plainText(why, 250), local, gaveUp, sent: sent() });
    };

    const giveUp = (why: 'timeout' | 'aborted') => {
      if (settled || gaveUp !== null) return;
      gaveUp = why;
      current?.cancel();
      if (why === 'aborted') return fail(null, 'given up', false);
      // Silence ends with the server's own 408; an answer to the CANCEL comes at once. Neither may keep the caller waiting.
      grace = deps.clock.after(CANCEL_GRACE, () => {
        // Where nobody sees the wire: a living peer would have answered the CANCEL by now.
        const silent = !heard && (current === null || deps.heardFrom(current.callId) !== true);
        fail(null, silent ? 'no response at all' : 'no answer', silent);
      });
    };
    const onAbort = (): void => giveUp('aborted');
    const ringTimer = deps.clock.after(request.ringTimeout, () => giveUp('timeout'));

    /** ACK has been sent; the peer believes in a call that nobody wants any more. */
    const hangUpLate = (response: SipResponse): void => {
      log.info({ status: response.status }, 'an answer came too late and is hung up');
      deps.connection.send({ method: 'BYE', dialogId: response.dialogId }, { onResponse: () => {}, onFault: () => {} });
    };

    const onAnswered = (response: SipResponse) => {
      if (settled || gaveUp !== null) {
        hangUpLate(response);
        return fail(null, 'answered after we had given up', false);
      }
      const description = readSessionDescription(response);
      const sdp = (description.admitted ? description.value : null) ?? earlySdp;
      if (sdp === null || current === null || sentInvite === null) {
        hangUpLate(response);
        return fail(response.status, 'The answer carries no session description.', false);
      }
      const live = createDialog({
        id: response.dialogId,
        sipCallId: current.callId,
        weStarted: true,
        remote: response.source,
        target: uri,
        connection: deps.connection,
        clock: deps.clock,
        log: log.child({ sipCallId: current.callId }),
        ...(credentials === undefined ? {} : { credentials }),
        description: request.offer,
        ...(authenticated ? { refresh: { agreed: response, asked: intervalOf(current)?.seconds ?? null } } : {}),
        referAccepted: profile.refer.accept,
        events: request.events,
        onOver: () => deps.dialogs.delete(response.dialogId),
      });
      deps.dialogs.set(response.dialogId, live);
      settle({ outcome: 'answered', dialog: live.dialog, sdp, sent: { ...sentInvite, viaReceived: received } });
      live.release();
    };

    const onProvisional = (response: SipResponse): void => {
      const description = readSessionDescription(response);
      const sdp = description.admitted ? description.value : null;
      if (sdp !== null) earlySdp = sdp;
      if (settled || gaveUp !== null) return;
      request.onProvisional?.({
        status: response.status,
        reason: plainText(response.reason),
        sdp,
        headers: responseHeaders(response),
        source: response.source.address,
      });
    };

    /** The headers of a further INVITE after a challenge or a 422, or null when the failure stands. */
    const improved = (response: SipResponse): Readonly<Record<string, string>> | null => {
      if (gaveUp !== null || attempts >= MAX_ATTEMPTS) return null;
      if (response.status === 422) {
        const interval = intervalAfter422(response.header('min-se'));
        return interval === null ? null : { 'Session-Expires': String(interval), 'Min-SE': String(interval) };
      }
      const proxy = response.status === 407;
      const challenge = response.header(proxy ? 'proxy-authenticate' : 'www-authenticate');
      if (challenge === undefined || credentials === undefined) return null;
      // A second challenge means wrong credentials, unless only the nonce was too old.
      if (authenticated && !/\bstale\s*=\s*"?true/i.test(challenge)) return null;
      const value = answerChallenge(challenge, credentials, { method: 'INVITE', uri, body: request.offer });
      if (value === null) return null;
      authenticated = true;
      return { [proxy ? 'Proxy-Authorization' : 'Authorization']: value };
    };

    const launch = (extra: Readonly<Record<string, string>>, route: string | undefined): void => {
      attempts++;
      const headers = { ...baseHeaders, ...extra };
      deps.connection.send(
        { method: 'INVITE', uri, headers, body: request.offer, ...(route === undefined ? {} : { route }) },
        {
          onSent: (transaction) => {
            current = transaction;
            request.onSent?.(transaction.callId);
            const from = transaction.header('from') ?? '';
            const { From: _from, ...shown } = applyShown(headers);
            sentInvite = { from, headers: shown, viaReceived: null };
            if (gaveUp !== null) transaction.cancel();
          },
          onResponse: (response, ack) => {
            if (!response.local) {
              heard = true;
              received = viaReceived(response) ?? received;
            }
            if (response.status < 200) {
              if (response.header('rseq') !== undefined) ack();
              return onProvisional(response);
            }
            if (response.status < 300) {
              ack();
              return onAnswered(response);
            }
            const better = [401, 407, 422].includes(response.status) ? improved(response) : null;
            if (better === null || current === null) return fail(response.status, response.reason, response.local);
            const cseq = Number.parseInt(current.header('cseq') ?? '', 10) + 1;
            const same = {
              'Call-ID': current.callId,
              CSeq: `${cseq} INVITE`,
              From: current.header('from') ?? headers.From ?? '',
            };
            const kept = extra['Session-Expires'] === undefined ? {} : pickTimer(extra);
            launch({ ...kept, ...better, ...same }, route ?? pinnedRoute(uri, response));
          },
          // The server's own refusal and a lost connection are as good as its 503.
          onFault: (fault) => fail(503, fault.detail, true),
          onUpdate: (update) => {
            // Our offer is open, so the peer may bring none of its own yet (RFC 3311 section 5.2).
            answerQuietly(update, update.body === '' ? 200 : 491);
          },
        },
      );
    };

    if (request.signal?.aborted === true) {
      gaveUp = 'aborted';
      return fail(null, 'given up', false);
    }
    request.signal?.addEventListener('abort', onAbort);
    if (guarded.refusal !== null) return fail(503, guarded.refusal, true);
    launch(guarded.callId === undefined ? {} : { 'Call-ID': guarded.callId }, guarded.route ?? undefined);
  });
};

type Guarded = {
  readonly callId: string | undefined;
  readonly call: GuardedCall | null;
  readonly route: string | null;
  /** Why nothing is sent at all. */
  readonly refusal: string | null;
};

/** Puts a call under the guard, before anything is sent of it. Throws GatewayError bad_request. */
const guardedCall = async (
  request: Pick<OutgoingCallRequest, 'sipCallId' | 'operatorHost'>,
  uri: string,
  { guard, resolvesHere, connection }: Pick<CallDeps, 'guard' | 'resolvesHere' | 'connection'>,
): Promise<Guarded> => {
  if (guard === null) return { callId: request.sipCallId, call: null, route: null, refusal: null };
  // The guard tells calls by their Call-ID, so it must be known before the server asks.
  const callId = request.sipCallId ?? newUuid();
  const parsed = parseUri(uri);
  if (request.operatorHost === true || parsed === undefined) {
    return { callId, call: guard.trust(callId), route: null, refusal: null };
  }
  if (parsed.params.has('maddr')) {
    throw new GatewayError('bad_request', `${JSON.stringify(plainText(uri))} must not have maddr.`);
  }
  const call = guard.watch(callId, parsed.host);
  if (!resolvesHere) return { callId, call, route: null, refusal: null };
  try {
    const transports = connection.endpoints().map((endpoint) => endpoint.split('/')[0] ?? '');
    const spoken = (['udp', 'tcp', 'tls'] as const).filter((name) => transports.includes(name));
    return { callId, call, route: await guard.route(uri, spoken), refusal: null };
  } catch (error) {
    const refusal = error instanceof Error ? error.message : String(Object(error).detail ?? error);
    return { callId, call, route: null, refusal };
  }
};

const pickTimer = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name === 'Session-Expires' || name === 'Min-SE'));

/** What the attempt record shows: what the call was given, not what every INVITE has. */
const applyShown = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) =>
        !/^(allow|supported|content-type|session-expires|min-se|call-id|cseq|(proxy-)?authorization)$/i.test(name),
    ),
  );
