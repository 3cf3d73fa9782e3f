import { GatewayError } from '../../../core/errors.js';
import type { OutgoingCallRequest } from '../../../domain/calls/ports.js';
import { quoted } from '../../sip-engine/scan.js';
import { formatUri, parseUri } from '../../sip-engine/uri.js';
import { DIALOG_METHODS } from '../dialogs/dialog.js';
import type { Credentials } from '../digest/answer.js';
import { applyHeaderRules, isHeader } from '../header-rules.js';
import { isPeer } from '../profiles/peers.js';
import type { Profile } from '../profiles/profile.js';
import { plainText } from '../request-view.js';
import { timerOfInvite } from './session-timer.js';

/** Written by the gateway itself: a caller of `place` may not. */
const owned =
  /^(via|from|to|call-id|cseq|contact|max-forwards|route|record-route|(proxy-)?authorization|content-.*|allow|supported|require|session-expires|min-se|[vftimlckx])$/i;

const offersSecureMedia = (offer: string): boolean => /^m=audio \d+ RTP\/SAVPF? /m.test(offer);

/**
 * The Request-URI of an INVITE: the destination's, with the profile's transport when it names none (secure media:
 * the profile's secure one). Throws GatewayError bad_request for a text that is no sip URI.
 */
export const requestUri = (request: Pick<OutgoingCallRequest, 'uri' | 'offer'>, profile: Profile): string => {
  const uri = parseUri(request.uri);
  if (uri === undefined || uri.scheme !== 'sip' || uri.host === '') {
    throw new GatewayError('bad_request', `${JSON.stringify(plainText(request.uri))} is not a sip: URI.`);
  }
  const { transport, secureTransport } = profile.outbound;
  const chosen = offersSecureMedia(request.offer) && secureTransport !== null ? secureTransport : transport;
  if (chosen === null || uri.params.has('transport')) return request.uri;
  uri.params.set('transport', chosen);
  return formatUri(uri);
};

/** Our From without tag. Throws GatewayError bad_request when the user part cannot stand in a URI. */
export const fromHeader = (from: OutgoingCallRequest['from'], domain: string): string => {
  const address = `sip:${from.user}@${domain}`;
  if (parseUri(address) === undefined || /[;?]/.test(from.user)) {
    throw new GatewayError('bad_request', `${JSON.stringify(plainText(from.user))} cannot be the user of a From.`);
  }
  const display = plainText(from.display ?? '');
  return display === '' ? `<${address}>` : `${quoted(display)} <${address}>`;
};

/**
 * Whether a call goes to a peer of its profile. The profile is named by the tenant and so is the host: what the operator
 * entrusted to one carrier must not go to whoever else is called by its profile.
 */
const isForPeer = ({ uri }: Pick<OutgoingCallRequest, 'uri'>, profile: Profile): boolean =>
  isPeer(parseUri(uri)?.host ?? '', profile.outbound.peers);

/** What challenges of a call are answered with: the destination's own credentials, else its profile's for their peers. */
export const credentialsOf = (
  request: Pick<OutgoingCallRequest, 'uri' | 'digest'>,
  profile: Profile,
): Credentials | undefined =>
  request.digest ?? (isForPeer(request, profile) ? (profile.outbound.digest ?? undefined) : undefined);

/**
 * All headers of an INVITE but those of authentication. Throws GatewayError bad_request for a header that cannot be sent
 * or is not the caller's to set: the rules for headers are the domain's, so a breach here is a fault of ours.
 */
export const inviteHeaders = (
  request: Pick<OutgoingCallRequest, 'uri' | 'from' | 'headers'>,
  profile: Profile,
  domain: string,
): Readonly<Record<string, string>> => {
  for (const [name, value] of Object.entries(request.headers)) {
    if (!isHeader(name, value) || owned.test(name)) {
      throw new GatewayError('bad_request', `The header ${JSON.stringify(plainText(name))} cannot be sent.`);
    }
  }
  return {
    From: fromHeader(request.from, domain),
    ...(request.from.privacy ? { Privacy: 'id' } : {}),
    ...applyHeaderRules(request.headers, {
      drop: profile.outbound.headers.drop,
      add: profile.outbound.peers.length === 0 || isForPeer(request, profile) ? profile.outbound.headers.add : {},
    }),
    Allow: DIALOG_METHODS,
    ...timerOfInvite(profile.sessionTimer),
    'Content-Type': 'application/sdp',
  };
};
