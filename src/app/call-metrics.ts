import type { CallMetrics } from '../domain/calls/index.js';
import type { MediaPlane } from '../domain/calls/ports.js';
import type { Metrics } from '../platform/telemetry/index.js';

/** What calls tell, as metrics of the catalogue. */
export const callMetrics = (metrics: Metrics): CallMetrics => ({
  rejected: (profile, reason) => {
    metrics.count('rejects', 1, { profile, reason });
    metrics.count('invites', 1, { profile, result: 'rejected' });
  },
  answered: (direction, profile, delayMs) => {
    // Who is called takes as long as they like: that says nothing of us.
    if (direction === 'outbound') return;
    metrics.observe('answerDelay', delayMs, { profile });
    metrics.count('invites', 1, { profile, result: 'answered' });
  },
  ended: (direction, profile, reason, answered) => {
    metrics.count('sessionsEnded', 1, { reason });
    if (answered || direction === 'outbound') return;
    metrics.count('invites', 1, { profile, result: reason === 'cancelled' ? 'cancelled' : 'failed' });
  },
  legClosed: ({ packetsSent, packetsReceived, packetsLost, packetsLate, packetsDiscarded, ...more }) => {
    metrics.count('mediaPackets', packetsSent, { direction: 'sent' });
    metrics.count('mediaPackets', packetsReceived, { direction: 'received' });
    // RFC 3550 section 6.4.1: duplicates make the loss negative, and a counter only goes up.
    metrics.count('mediaPackets', Math.max(0, packetsLost), { direction: 'lost' });
    metrics.count('mediaPackets', packetsLate, { direction: 'late' });
    metrics.count('mediaPackets', packetsDiscarded, { direction: 'discarded' });
    metrics.count('mediaPackets', more.remotePacketsLost ?? 0, { direction: 'remote-lost' });
    if (packetsReceived > 0) metrics.observe('mediaJitter', more.jitterMs);
  },
  live: (count) => metrics.set('sessionsLive', count),
});

/** Values that somebody else keeps, asked for at each scrape. */
export const gatewayGauges = (
  metrics: Metrics,
  of: {
    readonly media: MediaPlane['stats'];
    /** How many rtpengines answer; null where none is configured. */
    readonly relays: (() => number) | null;
    readonly redis: () => boolean;
    readonly sip: () => boolean;
    readonly draining: () => boolean;
  },
): void =>
  metrics.collect(() => {
    const { legs, portsFree } = of.media();
    metrics.set('mediaLegs', legs);
    metrics.set('mediaPortsFree', portsFree);
    metrics.set('dependencyUp', of.redis() ? 1 : 0, { dependency: 'redis' });
    if (of.relays !== null) metrics.set('dependencyUp', of.relays() > 0 ? 1 : 0, { dependency: 'rtpengine' });
    metrics.set('dependencyUp', of.sip() ? 1 : 0, { dependency: 'sip' });
    metrics.set('draining', of.draining() ? 1 : 0);
  });
