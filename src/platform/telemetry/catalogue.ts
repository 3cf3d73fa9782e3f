/**
 * Every metric the gateway has, with the closed sets its labels are taken from. A value outside its set is counted as
 * `other`, so that nothing a caller or a customer sends can multiply the series.
 */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

export type MetricEntry = {
  readonly kind: MetricKind;
  readonly name: string;
  readonly help: string;
  /** Label name to its values; `profiles` stands for the names of the SIP profiles loaded at start. */
  readonly labels: Readonly<Record<string, readonly string[] | 'profiles'>>;
  /** Upper bounds of a histogram's buckets, in the unit of the name (seconds). */
  readonly buckets?: readonly number[];
};

const statusGroups = ['1xx', '2xx', '3xx', '4xx', '5xx', 'timeout', 'network', 'refused'] as const;
const transferOutcomes = [
  'connected',
  'busy',
  'no-answer',
  'declined',
  'unreachable',
  'rejected',
  'caller-hung-up',
  'cancelled',
  'failed',
  'not-available',
] as const;
const endReasonValues = [
  'caller-hangup',
  'destination-hangup',
  'agent-hangup',
  'api-hangup',
  'cancelled',
  'rejected',
  'no-media',
  'max-duration',
  'drain',
  'instance-lost',
  'error',
] as const;
export const rejectReasons = [
  'unknown-source',
  'transport',
  'rate-limit',
  'digest-missing',
  'digest-stale',
  'digest-wrong',
  'media-security',
  'session-interval',
  'unsupported-extension',
  'content-type',
  'malformed',
  'draining',
  'max-calls',
  'organization-calls',
  'overloaded',
  'called-unreadable',
  'unknown-number',
  'number-profile',
  'number-not-verified',
  'store-unavailable',
  'ports-exhausted',
  'no-common-codec',
  'sdp-invalid',
  'media-security-mismatch',
  'error',
] as const;

const outboundRefusalReasons = ['target', 'calls', 'minutes'] as const;

const short = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const long = [0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60] as const;

export const metricCatalogue = {
  invites: {
    kind: 'counter',
    name: 'voice_gateway_invites_total',
    help: 'INVITEs received, by profile and what became of them.',
    labels: { profile: 'profiles', result: ['answered', 'rejected', 'cancelled', 'failed'] },
  },
  rejects: {
    kind: 'counter',
    name: 'voice_gateway_rejects_total',
    help: 'INVITEs refused, by the rule that refused them.',
    labels: { profile: 'profiles', reason: rejectReasons },
  },
  sessionsLive: {
    kind: 'gauge',
    name: 'voice_gateway_sessions_live',
    help: 'Phone sessions this instance owns that have not ended.',
    labels: {},
  },
  sessionsEnded: {
    kind: 'counter',
    name: 'voice_gateway_sessions_ended_total',
    help: 'Phone sessions that ended, by reason.',
    labels: { reason: endReasonValues },
  },
  answerDelay: {
    kind: 'histogram',
    name: 'voice_gateway_answer_delay_seconds',
    help: 'From the INVITE to our 200.',
    labels: { profile: 'profiles' },
    buckets: short,
  },
  postDialDelay: {
    kind: 'histogram',
    name: 'voice_gateway_post_dial_delay_seconds',
    help: 'From an INVITE of ours to the first 18x or the 200.',
    labels: { profile: 'profiles' },
    buckets: long,
  },
  transfers: {
    kind: 'counter',
    name: 'voice_gateway_transfer_attempts_total',
    help: 'Transfer attempts, by the type of destination and outcome.',
    labels: { type: ['sip', 'phone'], outcome: transferOutcomes },
  },
  outboundRefused: {
    kind: 'counter',
    name: 'voice_gateway_outbound_refused_total',
    help: 'Outbound calls the guard refused: target not allowed, too many at once, minutes of the day used up.',
    labels: { reason: outboundRefusalReasons },
  },
  prefetches: {
    kind: 'counter',
    name: 'voice_gateway_prefetch_total',
    help: 'Prefetch webhooks, by result.',
    labels: { result: ['stamped', 'already', 'held', 'no-match', 'ambiguous', 'refused', 'error'] },
  },
  enrichments: {
    kind: 'counter',
    name: 'voice_gateway_enrichment_total',
    help: 'Contact enrichments from Zendesk, by result.',
    labels: { result: ['enriched', 'unchanged', 'clash', 'failed'] },
  },
  actionDuration: {
    kind: 'histogram',
    name: 'voice_gateway_action_duration_seconds',
    help: 'Actions run, by status group of the answer.',
    labels: { group: statusGroups },
    buckets: long,
  },
  botAudioDropped: {
    kind: 'counter',
    name: 'voice_gateway_bot_audio_dropped_seconds_total',
    help: 'Audio between callers and WebSocket bots that was thrown away: the bot did not read, or sent too far ahead.',
    labels: { direction: ['to-bot', 'from-bot'] },
  },
  mediaPackets: {
    kind: 'counter',
    name: 'voice_gateway_media_packets_total',
    help: 'RTP packets of legs that have closed: late came after a newer one, discarded too late to be heard, remote-lost never to the peer.',
    labels: { direction: ['sent', 'received', 'lost', 'late', 'discarded', 'remote-lost'] },
  },
  mediaJitter: {
    kind: 'histogram',
    name: 'voice_gateway_media_jitter_seconds',
    help: 'Interarrival jitter (RFC 3550) of a leg when it closes.',
    labels: {},
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16],
  },
  mediaLegs: {
    kind: 'gauge',
    name: 'voice_gateway_media_legs',
    help: 'Media legs open.',
    labels: {},
  },
  mediaPortsFree: {
    kind: 'gauge',
    name: 'voice_gateway_media_ports_free',
    help: 'Port pairs of RTP_PORTS that can be used now.',
    labels: {},
  },
  relayMoves: {
    kind: 'counter',
    name: 'voice_gateway_relay_moves_total',
    help: 'Connected calls and rtpengine: relayed, given back, lost with it, refused by a peer, or why one stayed here.',
    labels: { result: ['relayed', 'refused', 'lost', 'returned', 'unreachable', 'unfit', 'recorded'] },
  },
  dependencyUp: {
    kind: 'gauge',
    name: 'voice_gateway_dependency_up',
    help: '1 while the dependency answers, else 0.',
    labels: { dependency: ['redis', 'sip', 'livekit', 'rtpengine'] },
  },
  httpDuration: {
    kind: 'histogram',
    name: 'voice_gateway_http_request_duration_seconds',
    help: 'HTTP requests answered, by method and status group.',
    labels: {
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
      group: ['1xx', '2xx', '3xx', '4xx', '5xx'],
    },
    buckets: short,
  },
  draining: {
    kind: 'gauge',
    name: 'voice_gateway_draining',
    help: '1 from the signal to drain until the process ends.',
    labels: {},
  },
} as const satisfies Record<string, MetricEntry>;

export type MetricId = keyof typeof metricCatalogue;
