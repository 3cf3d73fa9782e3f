import type { Sample } from './metrics-text.js';

type Figure = { readonly title: string; readonly value: number };
type Sum = readonly [title: string, metric: string, fits?: (labels: Sample['labels']) => boolean];

/** What is looked at first: how much is going on, and how much of it goes wrong. */
const glance: readonly Sum[] = [
  ['live calls', 'sessions_live'],
  ['calls answered', 'invites_total', ({ result }) => result === 'answered'],
  ['calls turned away', 'invites_total', ({ result }) => result === 'rejected'],
  ['calls ended', 'sessions_ended_total'],
  ['transfers connected', 'transfer_attempts_total', ({ outcome }) => outcome === 'connected'],
  ['transfers not connected', 'transfer_attempts_total', ({ outcome }) => outcome !== 'connected'],
  ['tickets on calls', 'prefetch_total', ({ result }) => result === 'stamped'],
  ['contacts enriched', 'enrichment_total', ({ result }) => result === 'enriched'],
  ['actions run', 'action_duration_seconds_count'],
  ['sound packets lost', 'media_packets_total', ({ direction }) => direction === 'lost'],
  ['media legs', 'media_legs'],
  ['free port pairs', 'media_ports_free'],
];

/** Sums of the metrics of an instance; one that nothing was counted for yet is nought. */
export const figuresIn = (samples: readonly Sample[]): readonly Figure[] =>
  glance.map(([title, metric, fits = () => true]) => ({
    title,
    value: samples
      .filter(({ name, labels }) => name === `voice_gateway_${metric}` && fits(labels))
      .reduce((sum, { value }) => sum + value, 0),
  }));
