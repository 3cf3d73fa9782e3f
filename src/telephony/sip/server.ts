import { type Clock, systemClock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { IncomingCall, Signalling } from '../../domain/calls/ports.js';
import { admissionState, judge } from './admission/admit.js';
import type { Rejection, RejectionReason } from './admission/verdict.js';
import type { CallDeps, DialogEntry } from './calls/deps.js';
import { answerQuietly } from './calls/deps.js';
import { createIncomingCall, type IncomingLeg } from './calls/incoming-call.js';
import { placeCall } from './calls/outgoing-call.js';
import { openConnection, type SipConnection } from './connection/connection.js';
import type { SipRequest } from './connection/messages.js';
import { type KeepAlive, type PeerState, startKeepAlive } from './keep-alive.js';
import type { Ladder } from './ladder/recorder.js';
import { answerOutOfDialog } from './out-of-dialog.js';
import type { Profile } from './profiles/profile.js';
import type { ProfileRegistry } from './profiles/registry.js';
import { plainText } from './request-view.js';

export type SipServerOptions = {
  /** The admin port of the embedded engine or of a drachtio-server. */
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly connectTimeout?: number;
  readonly profiles: ProfileRegistry;
  /** Takes each admitted call. What it throws is logged and answered with 500. */
  readonly handler: (call: IncomingCall) => void;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Host of our From; left out, the SIP server writes its own address. */
  readonly domain?: string;
  /** True while the gateway takes nothing new. */
  readonly draining?: () => boolean;
  /** Counts what was turned away. `profile` is null when no profile matched. */
  readonly onRejected?: (reason: RejectionReason, profile: string | null) => void;
  /** Records what this application sends and receives. */
  readonly ladder?: Ladder;
  /**
   * True when the ladder is fed by the engine's tap, which sees every message on the wire; false when this
   * application has to feed it itself (drachtio-server).
   */
  readonly wireTap?: boolean;
  /** True for a server that keeps dialogs while we reconnect (the embedded engine); drachtio-server forgets them. */
  readonly dialogsSurviveReconnect?: boolean;
};

export type SipServer = Signalling & {
  /** Where the SIP server listens: `udp/127.0.0.1:5060`. */
  endpoints(): readonly string[];
  connected(): boolean;
  /** Dialogs and unanswered INVITEs at this moment. */
  stats(): { readonly dialogs: number; readonly ringing: number };
  /** Peers watched by OPTIONS. */
  peers(): readonly PeerState[];
  /** Leaves the SIP server. Calls must have been ended before; what is left ends as `lost`. */
  close(): Promise<void>;
};

/**
 * Connects to a SIP server and serves calls on it: new INVITEs through admission to `handler`, requests inside dialogs
 * to their dialog, everything else with a proper refusal. Rejects with GatewayError sip_unavailable.
 */
export const createSipServer = async (options: SipServerOptions): Promise<SipServer> => {
  const { log, profiles, ladder } = options;
  const clock = options.clock ?? systemClock;
  const draining = options.draining ?? (() => false);
  const admission = admissionState(profiles, clock);
  const dialogs = new Map<string, DialogEntry>();
  const ringing = new Set<IncomingLeg>();
  let connection: SipConnection | null = null;
  let keepAlive: KeepAlive | null = null;
  let deps: CallDeps | null = null;

  const refuse = (request: SipRequest, rejection: Rejection, profile: Profile | null): void => {
    const fields = {
      status: rejection.status,
      reason: rejection.reason,
      rule: rejection.rule,
      source: `${request.source.transport}:${request.source.address}:${request.source.port}`,
      profile: profile?.name ?? null,
      sipCallId: plainText(request.callId),
      requestUri: plainText(request.uri, 200),
    };
    // The first INVITE of every call under digest is challenged: that is the protocol at work, not a refusal.
    if (rejection.reason === 'digest-missing' || rejection.reason === 'digest-stale') {
      log.debug(fields, 'call challenged');
    } else {
      log.warn(fields, 'call rejected');
    }
    options.onRejected?.(rejection.reason, profile?.name ?? null);
    request
      .respond(rejection.status, {
        phrase: rejection.phrase,
        ...(rejection.headers === undefined ? {} : { headers: rejection.headers }),
      })
      .catch(() => {});
  };

  const receiveInvite = (request: SipRequest, callDeps: CallDeps): void => {
    if (draining()) {
      const profile = profiles.bySource(request.source.address) ?? null;
      refuse(
        request,
        {
          status: 503,
          phrase: 'Service Unavailable',
          reason: 'draining',
          rule: 'The gateway is shutting down and takes no new calls.',
          headers: { 'Retry-After': '30' },
        },
        profile,
      );
      return;
    }
    const verdict = judge(request, admission);
    if (!verdict.admitted) {
      refuse(request, verdict.rejection, verdict.profile);
      return;
    }
    const profile = verdict.value.profile.name;
    const leg = createIncomingCall({
      request,
      admitted: verdict.value,
      deps: callDeps,
      onRefused: () => options.onRejected?.('call', profile),
      onSettled: () => ringing.delete(leg),
    });
    ringing.add(leg);
    try {
      options.handler(leg.call);
    } catch (error) {
      log.error({ sipCallId: plainText(request.callId), error: String(error) }, 'the handler of a call failed');
      leg.abandon();
    }
  };

  const onRequest = (request: SipRequest): void => {
    const entry = request.dialogId === '' ? undefined : dialogs.get(request.dialogId);
    if (entry !== undefined) entry.receive(request);
    else if (request.method === 'INVITE' && !/;\s*tag\s*=/i.test(request.header('to') ?? '')) {
      // Requests cannot arrive before the connection that brings them has been handed over.
      if (deps === null) answerQuietly(request, 503, { 'Retry-After': '1' });
      else receiveInvite(request, deps);
    } else answerOutOfDialog(request, admission.limiter, draining());
  };

  const loseAll = (reason: string): void => {
    const all = [...dialogs.entries()];
    dialogs.clear();
    if (all.length > 0) log.error({ dialogs: all.length, reason }, 'dialogs were lost with the SIP server');
    for (const [, entry] of all) entry.lost(reason);
  };

  connection = await openConnection({
    host: options.host,
    port: options.port,
    secret: options.secret,
    ...(options.connectTimeout === undefined ? {} : { connectTimeout: options.connectTimeout }),
    clock,
    log,
    onRequest,
    onLost: () => {
      // The transactions of unanswered INVITEs belong to the broken connection, whatever the server keeps.
      for (const leg of [...ringing]) leg.lost();
    },
    onRestored: () => {
      if (options.dialogsSurviveReconnect === true) return;
      // The server may still know a dialog for requests of ours: the peer gets its BYE if that is so.
      for (const dialogId of dialogs.keys()) {
        connection?.send({ method: 'BYE', dialogId }, { onResponse: () => {}, onFault: () => {} });
      }
      loseAll('the SIP server forgot the dialog while it was not connected');
    },
    ...(ladder === undefined || options.wireTap === true
      ? {}
      : { tap: (message) => ladder.recordText({ ...message, at: clock.now() }) }),
  });
  const ready = connection;
  deps = {
    connection: ready,
    clock,
    log,
    profiles,
    domain: options.domain ?? 'localhost',
    dialogs,
    heardFrom: (callId) => (ladder === undefined || options.wireTap !== true ? null : ladder.heardFrom(callId)),
  };
  const callDeps = deps;
  keepAlive = startKeepAlive({ profiles, connection: () => ready, clock, log });

  return {
    place: (request) => placeCall(request, callDeps),
    endpoints: () => ready.endpoints(),
    connected: () => ready.connected(),
    stats: () => ({ dialogs: dialogs.size, ringing: ringing.size }),
    peers: () => keepAlive?.peers() ?? [],
    close: async () => {
      keepAlive?.stop();
      ready.close();
      for (const leg of [...ringing]) leg.lost();
      loseAll('the gateway is closing');
    },
  };
};
