import type { Clock } from '../../../core/clock.js';
import { createRateLimiter, type RateLimiter } from '../../../core/rate-limit.js';
import type { IncomingCall } from '../../../domain/calls/ports.js';
import { createNonces, type Nonces } from '../digest/nonces.js';
import { challengeValues, verifyDigest } from '../digest/verify.js';
import { canonicalAddress } from '../ip-range.js';
import type { Profile } from '../profiles/profile.js';
import type { ProfileRegistry } from '../profiles/registry.js';
import { hasToken, headerList, type RequestView } from '../request-view.js';
import { readSessionDescription } from './body.js';
import { type Called, readCalled, readCaller } from './parties.js';
import { admit, type Rejection, turnAway, type Verdict } from './verdict.js';

/** What an admitted INVITE is known by. */
export type Admitted = {
  readonly profile: Profile;
  readonly called: Called;
  readonly caller: IncomingCall['caller'];
  /** The SDP of the INVITE; null when it has none. */
  readonly offer: string | null;
};

/**
 * Calls this gateway places to itself: who shows a pass of ours comes in under the profile it names, from wherever, for a
 * test call has to reach numbers of every carrier. A pass is good once.
 */
export type OwnCalls = { take(pass: string): string | null };

/** The header a pass stands in. */
export const passHeader = 'X-Voice-Gateway-Test-Call';

/** The state the steps share: counters and nonces, nothing about single calls. */
export type AdmissionState = {
  readonly profiles: ProfileRegistry;
  readonly limiter: RateLimiter;
  readonly nonces: Nonces;
  readonly ownCalls: OwnCalls | null;
};

export const admissionState = (
  profiles: ProfileRegistry,
  clock: Clock,
  ownCalls: OwnCalls | null = null,
): AdmissionState => ({
  profiles,
  limiter: createRateLimiter(clock),
  nonces: createNonces(clock),
  ownCalls,
});

/** A step looks at one rule; null lets the INVITE pass on to the next. */
type Step = (request: RequestView, profile: Profile, state: AdmissionState) => Rejection | null;

/** Extensions an INVITE may require of us (RFC 3261 section 8.2.2.3). */
const supportedExtensions = new Set(['100rel', 'timer', 'norefersub']);

const transportStep: Step = (request, profile) => {
  const transport = request.source.transport.toLowerCase();
  if (profile.inbound.transports.some((allowed) => allowed === transport)) return null;
  return {
    status: 403,
    phrase: 'Forbidden',
    reason: 'transport',
    rule: `Profile ${profile.name} does not take calls over ${transport}.`,
  };
};

const rateStep: Step = (request, profile, state) => {
  const rate = profile.inbound.rateLimit;
  if (rate === null) return null;
  const key = `${profile.name}|${canonicalAddress(request.source.address) ?? request.source.address}`;
  const wait = state.limiter.take(key, rate);
  if (wait === 0) return null;
  return {
    status: 503,
    phrase: 'Service Unavailable',
    reason: 'rate-limit',
    rule: `Profile ${profile.name} takes ${rate.perSecond} new calls a second from one address.`,
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(wait / 1000))) },
  };
};

const digestStep: Step = (request, profile, state) => {
  const policy = profile.inbound.digest;
  if (policy === null) return null;
  const verdict = verifyDigest(request.header('authorization'), request, policy, state.nonces);
  if (verdict.ok) return null;
  const values = challengeValues(policy, state.nonces, verdict.fault === 'stale');
  return {
    status: 401,
    phrase: 'Unauthorized',
    reason: `digest-${verdict.fault}`,
    rule: `Profile ${profile.name} asks for credentials: ${verdict.detail}.`,
    // One header line for each algorithm: the value carries the next line's name, since the SIP library has no other way.
    headers: { 'WWW-Authenticate': values.join('\r\nWWW-Authenticate: ') },
  };
};

const extensionStep: Step = (request) => {
  const unknown = headerList(request, 'require').filter((option) => !supportedExtensions.has(option.toLowerCase()));
  if (unknown.length === 0) return null;
  const list = unknown.filter((option) => /^[A-Za-z0-9.!%*_+`'~-]{1,64}$/.test(option)).slice(0, 16);
  return {
    status: 420,
    phrase: 'Bad Extension',
    reason: 'unsupported-extension',
    rule: `The INVITE requires an extension we do not have: ${list.join(', ')}.`,
    headers: { Unsupported: list.join(', ') },
  };
};

const sessionTimerStep: Step = (request, profile) => {
  const interval = Number.parseInt(request.header('session-expires') ?? '', 10);
  const minimum = profile.sessionTimer?.minimum ?? 90;
  // A caller without the extension could not act on a 422; its interval is left to the server then (RFC 4028 section 9).
  if (!(interval < minimum) || !hasToken(request, 'supported', 'timer')) return null;
  return {
    status: 422,
    phrase: 'Session Interval Too Small',
    reason: 'session-interval',
    rule: `The session interval of ${interval} s is below the minimum of ${minimum} s.`,
    headers: { 'Min-SE': String(minimum) },
  };
};

const mediaSecurityStep = (offer: string | null, profile: Profile): Rejection | null => {
  if (offer === null) return null;
  const audio = [...offer.matchAll(/^m=audio \d+ (\S+)/gm)].map((match) => match[1] ?? '');
  const secure = audio.some((protocol) => protocol.includes('SAVP'));
  const plain = audio.some((protocol) => !protocol.includes('SAVP'));
  const { mediaSecurity } = profile.rules;
  const refused = (mediaSecurity === 'required' && plain && !secure) || (mediaSecurity === 'none' && secure && !plain);
  if (!refused) return null;
  return {
    status: 488,
    phrase: 'Not Acceptable Here',
    reason: 'media-security',
    rule:
      mediaSecurity === 'required'
        ? `Profile ${profile.name} asks for SRTP and the offer has none.`
        : `Profile ${profile.name} takes no SRTP and the offer has nothing else.`,
    headers: { Warning: '399 voice-gateway "secure media mismatch"' },
  };
};

/** Who the peer is and how it comes; a pass of ours answers for these. */
const peerSteps: readonly Step[] = [transportStep, rateStep, digestStep];
const messageSteps: readonly Step[] = [extensionStep, sessionTimerStep];
const steps: readonly Step[] = [...peerSteps, ...messageSteps];

const ownProfile = (request: RequestView, state: AdmissionState): Profile | null => {
  const pass = state.ownCalls === null ? undefined : request.header(passHeader);
  const name = pass === undefined ? null : (state.ownCalls?.take(pass.trim()) ?? null);
  return name === null ? null : (state.profiles.get(name) ?? null);
};

const profileOf = (request: RequestView, state: AdmissionState): Verdict<Profile> => {
  const profile = state.profiles.bySource(request.source.address);
  if (profile !== undefined) return admit(profile);
  return turnAway({
    status: 403,
    phrase: 'Forbidden',
    reason: 'unknown-source',
    rule: `No profile lists the source address ${request.source.address}.`,
  });
};

/**
 * Judges an INVITE: source, transport, rate, credentials, extensions, session timer, body, media security; then reads
 * who calls whom. Pure but for counters and nonces. The first rule that fails decides.
 */
export const judge = (
  request: RequestView,
  state: AdmissionState,
): Verdict<Admitted> & { readonly profile: Profile | null } => {
  const own = ownProfile(request, state);
  const matched = own === null ? profileOf(request, state) : admit(own);
  if (!matched.admitted) return { ...matched, profile: null };
  const profile = matched.value;
  for (const step of own === null ? steps : messageSteps) {
    const rejection = step(request, profile, state);
    if (rejection !== null) return { ...turnAway(rejection), profile };
  }
  const body = readSessionDescription(request);
  if (!body.admitted) return { ...body, profile };
  const insecure = mediaSecurityStep(body.value, profile);
  if (insecure !== null) return { ...turnAway(insecure), profile };
  const called = readCalled(request, profile);
  return { ...admit({ profile, called, caller: readCaller(request, profile), offer: body.value }), profile };
};
