import type { ProfileRules } from '../../../domain/calls/ports.js';
import { type IpRange, parseIpRange } from '../ip-range.js';
import type { ProfileDocument } from './schema.js';

/** A profile ready for use: ranges parsed once, times in milliseconds. */
export type Profile = {
  readonly name: string;
  readonly description: string;
  readonly country: string;
  readonly inbound: ProfileDocument['inbound'];
  readonly outbound: ProfileDocument['outbound'];
  readonly refer: ProfileDocument['refer'];
  /** Seconds, as the headers have them. */
  readonly sessionTimer: ProfileDocument['sessionTimer'];
  readonly keepAlive: { readonly target: string; readonly interval: number } | null;
  /** What media and calls must know. */
  readonly rules: ProfileRules;
  /** Where calls may come from; empty when nothing may. */
  readonly sources: readonly IpRange[];
};

const rangesOf = (texts: readonly string[]): readonly IpRange[] =>
  texts.map(parseIpRange).filter((range): range is IpRange => range !== null);

/** A checked document as profile. */
export const compileProfile = (document: ProfileDocument): Profile => ({
  name: document.name,
  description: document.description,
  country: document.country,
  inbound: document.inbound,
  outbound: document.outbound,
  refer: document.refer,
  sessionTimer: document.sessionTimer,
  keepAlive:
    document.keepAlive === null
      ? null
      : { target: document.keepAlive.target, interval: document.keepAlive.interval * 1000 },
  rules: {
    name: document.name,
    country: document.country,
    codecs: document.media.codecs,
    mediaSecurity: document.media.security,
    mediaRanges: document.media.ranges,
    firstPacketTimeout: document.media.firstPacketTimeout * 1000,
    idleTimeout: document.media.idleTimeout * 1000,
    forwardHold: document.forwardHold,
    dtmf: document.media.dtmf,
    comfortNoise: document.media.comfortNoise,
    inbandDtmf: document.media.inbandDtmf,
  },
  sources: document.inbound.enabled ? rangesOf(document.inbound.sources) : [],
});
