import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.js';
import type { LogFields, Logger } from '../../src/core/logger.js';
import type { DialogEnd, DialogEvents, IncomingCall, OutgoingCallRequest } from '../../src/domain/calls/ports.js';
import {
  createLadder,
  createSipServer,
  type Ladder,
  type ProfileRegistry,
  parseProfile,
  profileRegistry,
  type RejectionReason,
  type SipServer,
  type SipServerOptions,
} from '../../src/telephony/sip/index.js';
import { type Engine, type EngineOptions, startEngine } from '../../src/telephony/sip-engine/index.js';
import { givenServer } from './given-server.js';
import { freePort } from './ports.js';

export type LogLine = { readonly level: string; readonly message: string; readonly fields: LogFields };

/** A logger that keeps its lines. */
export const recordingLogger = (lines: LogLine[], above: LogFields = {}): Logger => {
  const at =
    (level: string) =>
    (fields: LogFields, message: string): void => {
      lines.push({ level, message, fields: { ...above, ...fields } });
    };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLogger(lines, { ...above, ...fields }),
  };
};

const given = givenServer();

/** True on a given drachtio-server, where a few things are different from what they should be (docs/reference/sip-engine.md). */
export const onDrachtioServer = given !== null;

export type SipApplication = {
  readonly server: SipServer;
  readonly ladder: Ladder;
  /** `127.0.0.1:port` for UDP and TCP. */
  readonly address: string;
  readonly rejected: { reason: RejectionReason; profile: string | null }[];
  readonly lines: LogLine[];
  /** The next call that is admitted. */
  nextCall(): Promise<IncomingCall>;
  close(): Promise<void>;
};

export const LOCAL_PROFILE = `
name: local
inbound: { sources: [127.0.0.1, "::1"], rateLimit: null }
media: { firstPacketTimeout: 0, idleTimeout: 0 }
outbound: { assertedIdentity: false }
refer: { send: true, accept: true }
sessionTimer: null
`;

export const registryOf = (...documents: readonly string[]): ProfileRegistry =>
  profileRegistry(
    new Map(
      documents.map((document, index) => {
        const profile = parseProfile(document, `profile-${index}.yaml`);
        return [profile.name, profile];
      }),
    ),
  );

/** An engine on free loopback ports with the SIP application on it. */
export const startSipApplication = async (
  options: Partial<Omit<SipServerOptions, 'servers'>> & {
    readonly profileDocuments?: readonly string[];
    readonly engine?: Partial<EngineOptions>;
    /** On an engine of its own even when a drachtio-server is given: for a caller whose call that server takes. */
    readonly alwaysEmbedded?: boolean;
    /** Puts something between the application and the engine's admin port; returns the port to connect to. */
    readonly through?: (adminPort: number) => number;
  } = {},
): Promise<SipApplication> => {
  const { profileDocuments, engine: engineOptions, through, alwaysEmbedded, ...serverOptions } = options;
  const external = alwaysEmbedded === true ? null : given;
  const secret = randomBytes(8).toString('hex');
  const lines: LogLine[] = [];
  const ladder = createLadder(systemClock);
  const engine =
    external === null
      ? await startUdpAndTcp({
          admin: { host: '127.0.0.1', port: 0, secret },
          tap: (event) => ladder.record(event),
          ...engineOptions,
        })
      : null;
  const adminPort = engine?.adminPort ?? external?.port ?? 0;
  const rejected: { reason: RejectionReason; profile: string | null }[] = [];
  const arrived: IncomingCall[] = [];
  const waiting: ((call: IncomingCall) => void)[] = [];
  const server = await createSipServer({
    servers: [
      {
        host: external?.host ?? '127.0.0.1',
        port: through?.(adminPort) ?? adminPort,
        secret: external?.secret ?? secret,
      },
    ],
    profiles: registryOf(...(profileDocuments ?? [LOCAL_PROFILE])),
    handler: (call) => {
      const next = waiting.shift();
      if (next === undefined) arrived.push(call);
      else next(call);
    },
    log: recordingLogger(lines),
    onRejected: (reason, profile) => rejected.push({ reason, profile }),
    ladder,
    wireTap: external === null,
    dialogsSurviveReconnect: external === null,
    ...serverOptions,
  });
  const udp = engine?.listen.find((point) => point.transport === 'udp');
  return {
    server,
    ladder,
    address: external?.sipAddress ?? `${udp?.address}:${udp?.port}`,
    rejected,
    lines,
    nextCall: () => {
      const call = arrived.shift();
      return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
    },
    close: async () => {
      await server.close();
      await engine?.close();
    },
  };
};

/** UDP and TCP on one free port, so that one address names both. */
const startUdpAndTcp = async (options: Omit<EngineOptions, 'listen'>): Promise<Engine> => {
  const port = await freePort();
  return startEngine({
    listen: [
      { transport: 'udp', address: '127.0.0.1', port },
      { transport: 'tcp', address: '127.0.0.1', port },
    ],
    ...options,
  });
};

export const ANSWER_SDP = [
  'v=0',
  'o=gateway 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 40000 RTP/AVP 0 101',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:101 telephone-event/8000',
  '',
].join('\r\n');

export type RecordedEvents = DialogEvents & {
  readonly seen: string[];
  /** Resolves when the dialog ends by the peer, the timer or the loss of the server. */
  readonly over: Promise<DialogEnd>;
};

/** Handlers that note what happens and answer every offer. */
export const recordEvents = (overrides: Partial<DialogEvents> = {}): RecordedEvents => {
  const seen: string[] = [];
  let finish: (end: DialogEnd) => void = () => {};
  const over = new Promise<DialogEnd>((resolve) => {
    finish = resolve;
  });
  return {
    seen,
    over,
    ended: (end) => {
      seen.push(`ended by ${end.by}`);
      finish(end);
    },
    offered: async (offer) => {
      seen.push(offer === null ? 'asked for an offer' : 'offered');
      return ANSWER_SDP;
    },
    answered: () => void seen.push('answered'),
    info: (type, body) => void seen.push(`info ${type} ${body.trim()}`),
    ...overrides,
  };
};

/** A call to a peer with everything a test does not care about filled in. */
export const outgoing = (uri: string, overrides: Partial<OutgoingCallRequest> = {}): OutgoingCallRequest => ({
  uri,
  profile: 'local',
  from: { user: '+14155550123', display: null, privacy: false },
  headers: {},
  offer: ANSWER_SDP,
  ringTimeout: 10_000,
  events: recordEvents(),
  ...overrides,
});
