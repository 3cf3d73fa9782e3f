import { realpath, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { Clock } from '../core/clock.js';
import type { TransferDeps } from '../domain/calls/index.js';
import type { MediaPlane, PromptSource } from '../domain/calls/ports.js';
import { credentialScopes, type Directory } from '../domain/directory/index.js';
import type { Metrics } from '../platform/telemetry/index.js';
import type { Vault } from '../platform/vault/index.js';
import type { RtpengineRelay } from '../telephony/media/index.js';
import type { Ladder, ProfileRegistry, SipServer } from '../telephony/sip/index.js';
import type { Config } from './config.js';

export type TransferWiring = {
  readonly config: Config;
  readonly profiles: ProfileRegistry;
  readonly directory: Directory;
  readonly media: MediaPlane;
  /** Null where no rtpengine is configured. */
  readonly relay: RtpengineRelay | null;
  readonly ladder: Ladder;
  readonly vault: Vault;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly ensureTicket: TransferDeps['ensureTicket'];
  readonly announce: TransferDeps['announce'];
  /** Folder of the WAV files that destinations play. */
  readonly prompts: string;
  /** Known once signalling has started, which is before the first call. */
  readonly server: () => SipServer;
};

/** Host and port of `udp/127.0.0.1:5060` or `udp/[::1]:5060`, as a URI has them. */
const hostPortOf = (endpoint: string): string => endpoint.slice(endpoint.indexOf('/') + 1);
const hostOf = (hostPort: string): string => hostPort.replace(/:\d+$/, '');

/** A WAV file inside the folder, links resolved; null when there is none or it leads out of the folder. */
const fileIn = async (folder: string, file: string): Promise<PromptSource | null> => {
  try {
    const root = await realpath(folder);
    const path = await realpath(resolve(root, file));
    return path.startsWith(root + sep) && (await stat(path)).isFile() ? { type: 'wav', path } : null;
  } catch {
    return null;
  }
};

/** What transfers need of the running gateway. */
export const transferDeps = (wiring: TransferWiring): TransferDeps => {
  const { config, profiles, vault, metrics } = wiring;
  const listening = (): string => hostPortOf(wiring.server().endpoints()[0] ?? '127.0.0.1');
  return {
    directory: wiring.directory,
    signalling: wiring.server,
    media: wiring.media,
    relay:
      wiring.relay === null
        ? null
        : { media: wiring.relay, moved: (result) => metrics.count('relayMoves', 1, { result }) },
    profile: (name) => {
      const profile = profiles.get(name);
      if (profile === undefined) return null;
      const { callerId, assertedIdentity, diversion, ticketHeaders } = profile.outbound;
      return {
        ...{ name, callerId, assertedIdentity, diversion, ticketHeaders },
        rules: profile.rules,
        sendsRefer: profile.refer.send,
      };
    },
    ensureTicket: wiring.ensureTicket,
    announce: wiring.announce,
    digest: ({ orgId, id, digest }) =>
      digest === null
        ? null
        : {
            username: digest.username,
            password: vault.open(credentialScopes.digest(orgId, id), digest.sealedPassword),
          },
    holdAudio: (file) => fileIn(wiring.prompts, file),
    host: () => config.sip.domain ?? config.sip.publicAddress ?? listening(),
    publicAddress: () => config.sip.publicAddress ?? hostOf(listening()),
    bindLadder: (sipCallId, sessionId) => wiring.ladder.bind(sessionId, sipCallId),
    clock: wiring.clock,
    metrics: {
      attempted: (type, outcome) => metrics.count('transfers', 1, { type, outcome }),
      rang: (profile, delayMs) => metrics.observe('postDialDelay', delayMs, { profile }),
    },
  };
};
