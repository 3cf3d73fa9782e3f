import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { IncomingCall, OutgoingCallRequest, OutgoingCallResult } from '../../domain/calls/ports.js';
import { type AdmissionState, judge } from './admission/admit.js';
import type { RejectedCall, Rejection, RejectionReason } from './admission/verdict.js';
import type { CallDeps, DialogEntry } from './calls/deps.js';
import { createIncomingCall, type IncomingLeg } from './calls/incoming-call.js';
import { placeCall } from './calls/outgoing-call.js';
import type { ConnectionEvents, SipConnection } from './connection/connection.js';
import type { SipRequest } from './connection/messages.js';
import type { DestinationGuard } from './destination-guard.js';
import type { Ladder } from './ladder/recorder.js';
import { answerOutOfDialog } from './out-of-dialog.js';
import type { Profile } from './profiles/profile.js';
import type { ProfileRegistry } from './profiles/registry.js';
import { plainText } from './request-view.js';

/** What the links to all SIP servers have in common. */
export type LinkDeps = {
  readonly profiles: ProfileRegistry;
  readonly admission: AdmissionState;
  readonly handler: (call: IncomingCall) => void;
  readonly log: Logger;
  readonly clock: Clock;
  readonly domain: string;
  readonly draining: () => boolean;
  readonly onRejected: (reason: RejectionReason, profile: string | null, call: RejectedCall) => void;
  /** Judges where calls of ours go; null: nobody does. */
  readonly guard: DestinationGuard | null;
  /** Set when the ladder is fed by the wire: it then knows whether a peer was heard at all. */
  readonly wireLadder: Ladder | null;
  /** True for a server that keeps dialogs while we reconnect (the embedded engine); drachtio-server forgets them. */
  readonly dialogsSurvive: boolean;
};

/** The calls of one SIP server: its dialogs live and end with the connection to it. */
export type Link = {
  readonly connection: SipConnection;
  place(request: OutgoingCallRequest): Promise<OutgoingCallResult>;
  /** Whether a call with this Call-ID is here. */
  holds(sipCallId: string): boolean;
  stats(): { readonly dialogs: number; readonly ringing: number };
  /** Leaves the SIP server; what is left ends as `lost`. */
  close(): void;
};

/**
 * How long calls outlive the loss of a server that forgets them, ms: nobody can end them any more, so neither the caller
 * nor the port of the media may wait for a server that does not come back.
 */
const LOST_PATIENCE = 30_000;

/** Opens a link over the connection that `open` makes of the link's events. */
export const createLink = (deps: LinkDeps, open: (events: ConnectionEvents) => SipConnection): Link => {
  const { log, profiles } = deps;
  const dialogs = new Map<string, DialogEntry>();
  const ringing = new Set<IncomingLeg>();
  let patience: { cancel(): void } | null = null;

  const rejected = (request: SipRequest, status: number, rule: string): RejectedCall => ({
    status,
    rule,
    source: `${request.source.transport}:${request.source.address}:${request.source.port}`,
    sipCallId: plainText(request.callId),
    requestUri: plainText(request.uri, 200),
  });

  const refuse = (request: SipRequest, rejection: Rejection, profile: Profile | null): void => {
    const call = rejected(request, rejection.status, rejection.rule);
    const fields = { ...call, reason: rejection.reason, profile: profile?.name ?? null };
    // The first INVITE of every call under digest is challenged: that is the protocol at work, not a refusal.
    if (rejection.reason === 'digest-missing' || rejection.reason === 'digest-stale') {
      log.debug(fields, 'call challenged');
    } else {
      log.warn(fields, 'call rejected');
    }
    deps.onRejected(rejection.reason, profile?.name ?? null, call);
    request
      .respond(rejection.status, {
        phrase: rejection.phrase,
        ...(rejection.headers === undefined ? {} : { headers: rejection.headers }),
      })
      .catch(() => {});
  };

  const receiveInvite = (request: SipRequest) => {
    if (deps.draining()) {
      const rejection = {
        status: 503,
        phrase: 'Service Unavailable',
        reason: 'draining',
        rule: 'The gateway is shutting down and takes no new calls.',
        headers: { 'Retry-After': '30' },
      } as const;
      return refuse(request, rejection, profiles.bySource(request.source.address) ?? null);
    }
    const verdict = judge(request, deps.admission);
    if (!verdict.admitted) return refuse(request, verdict.rejection, verdict.profile);
    const profile = verdict.value.profile.name;
    const leg = createIncomingCall({
      request,
      admitted: verdict.value,
      deps: callDeps,
      onRefused: (status, rule) => deps.onRejected('call', profile, rejected(request, status, rule)),
      onSettled: () => ringing.delete(leg),
    });
    ringing.add(leg);
    try {
      deps.handler(leg.call);
    } catch (error) {
      log.error({ sipCallId: plainText(request.callId), error: String(error) }, 'the handler of a call failed');
      leg.abandon();
    }
  };

  const loseAll = (reason: string): void => {
    patience?.cancel();
    const all = [...dialogs.values()];
    dialogs.clear();
    if (all.length > 0) {
      log.error({ sipServer: connection.name, dialogs: all.length, reason }, 'dialogs were lost with the SIP server');
    }
    for (const entry of all) entry.lost(reason);
  };

  const connection = open({
    onRequest: (request) => {
      const entry = request.dialogId === '' ? undefined : dialogs.get(request.dialogId);
      if (entry !== undefined) entry.receive(request);
      else if (request.method === 'INVITE' && !/;\s*tag\s*=/i.test(request.header('to') ?? '')) receiveInvite(request);
      else answerOutOfDialog(request, deps.admission.limiter, deps.draining());
    },
    onLost: (forGood) => {
      // The transactions of unanswered INVITEs belong to the broken connection, whatever the server keeps.
      for (const leg of [...ringing]) leg.lost();
      if (forGood) return loseAll('the SIP server closed the connection of the call');
      if (deps.dialogsSurvive) return;
      patience = deps.clock.after(LOST_PATIENCE, () => loseAll('the SIP server did not come back'));
    },
    onRestored: () => {
      if (deps.dialogsSurvive) return;
      // The server may still know a dialog for requests of ours: the peer gets its BYE if that is so.
      for (const dialogId of dialogs.keys()) {
        connection.send({ method: 'BYE', dialogId }, { onResponse: () => {}, onFault: () => {} });
      }
      loseAll('the SIP server forgot the dialog while it was not connected');
    },
  });

  const callDeps: CallDeps = {
    connection,
    ...{ clock: deps.clock, log, profiles, domain: deps.domain, dialogs },
    guard: deps.guard,
    resolvesHere: !deps.dialogsSurvive,
    heardFrom: (callId) => deps.wireLadder?.heardFrom(callId) ?? null,
  };

  return {
    connection,
    place: (request) => placeCall(request, callDeps),
    holds: (sipCallId) => {
      for (const leg of ringing) if (leg.call.sipCallId === sipCallId) return true;
      for (const id of dialogs.keys()) if (id.startsWith(`${sipCallId};from-tag=`)) return true;
      return false;
    },
    stats: () => ({ dialogs: dialogs.size, ringing: ringing.size }),
    close: () => {
      connection.close();
      for (const leg of [...ringing]) leg.lost();
      loseAll('the gateway is closing');
    },
  };
};
