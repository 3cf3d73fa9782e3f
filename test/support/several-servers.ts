import { systemClock } from '../../src/core/clock.js';
import type { IncomingCall } from '../../src/domain/calls/ports.js';
import { createLadder, createSipServer, type SipServer, type SipServerOptions } from '../../src/telephony/sip/index.js';
import { type Engine, type EngineOptions, startEngine } from '../../src/telephony/sip-engine/index.js';
import { LOCAL_PROFILE, type LogLine, recordingLogger, registryOf } from './sip-application.js';

/** A server that forgets whose its dialogs are, as drachtio-server does. */
export const startForgetfulEngine = async (options: Partial<EngineOptions> = {}): Promise<Engine> =>
  startEngine({
    listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
    admin: { host: '127.0.0.1', port: 0, secret: 'cymru' },
    forgetDialogs: true,
    ...options,
  });

export const sipAddressOf = (engine: Engine): string => `127.0.0.1:${engine.listen[0]?.port}`;

export type Application = {
  readonly server: SipServer;
  readonly lines: readonly LogLine[];
  nextCall(): Promise<IncomingCall>;
};

/** The SIP application as it runs on drachtio-servers: no tap, no dialogs after a reconnect. */
export const startOnServers = async (
  options: Pick<SipServerOptions, 'servers'> & Partial<SipServerOptions>,
): Promise<Application> => {
  const lines: LogLine[] = [];
  const arrived: IncomingCall[] = [];
  const waiting: ((call: IncomingCall) => void)[] = [];
  const server = await createSipServer({
    profiles: registryOf(LOCAL_PROFILE),
    handler: (call) => {
      const next = waiting.shift();
      if (next === undefined) arrived.push(call);
      else next(call);
    },
    log: recordingLogger(lines),
    ladder: createLadder(systemClock),
    ...options,
  });
  return {
    server,
    lines,
    nextCall: () => {
      const call = arrived.shift();
      return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
    },
  };
};
