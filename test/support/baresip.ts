import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sine } from './goertzel.js';
import { wavFile } from './media.js';
import { freePort } from './ports.js';
import { until } from './until.js';

export type PhoneEvent = { readonly type: string; readonly param: string };

/** A baresip telephone that plays a tone into its calls and records what it hears. */
export type Phone = {
  /** Where it takes calls: `127.0.0.1:port`, by the transport it was started with. */
  readonly address: string;
  /** A command of its menu: `dial`, `hangup`, `hold`, `resume`, `sndcode`. */
  command(name: string, params?: string): Promise<void>;
  /** Resolves with the next event of the type that no earlier `event` has taken. */
  event(type: string, timeout?: number): Promise<PhoneEvent>;
  readonly output: () => string;
  /** Ends the process. */
  stop(): Promise<void>;
  /** What it heard, at the rate of its codec; complete once the call has ended. */
  heard(): Int16Array;
};

export type PhoneOptions = {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly codec: 'pcmu' | 'pcma' | 'g722';
  /** SDES: without it in the answer there is no call. */
  readonly secure?: boolean;
  /** PEM of the authority that it trusts for TLS. */
  readonly ca?: string;
  /** PEM of its own certificate and key, when it takes calls over TLS. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** Takes calls at once. */
  readonly answers?: boolean;
  readonly user: string;
  /** The tone it plays: Hz, dB below full scale. */
  readonly tone: { readonly hz: number; readonly level: number };
};

const modules = '/usr/lib/baresip/modules';

type Ports = { readonly sip: number; readonly control: number; readonly rtp: number };

const sampleRate = ({ codec }: PhoneOptions): number => (codec === 'g722' ? 16_000 : 8_000);

const configuration = (folder: string, ports: Ports, options: PhoneOptions): string =>
  `poll_method epoll
sip_listen 127.0.0.1:${ports.sip}
${options.ca === undefined ? '' : `sip_cafile ${folder}/ca.pem`}
${options.certificate === undefined ? '' : `sip_certificate ${folder}/own.pem`}
net_interface 127.0.0.1
call_max_calls 1
audio_source aufile,${folder}/tone.wav
audio_player aubridge,nil
audio_alert aubridge,nil
ausrc_srate ${sampleRate(options)}
auplay_srate ${sampleRate(options)}
ausrc_channels 1
auplay_channels 1
jitter_buffer_type fixed
jitter_buffer_delay 1-10
rtp_ports ${ports.rtp}-${ports.rtp + 9}
snd_path ${folder}
ctrl_tcp_listen 127.0.0.1:${ports.control}
module_path ${modules}
module g711.so
module g722.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
`;

/** One netstring (`5:hello,`) off the front of `text`: its content and what follows, or null while it is not whole. */
const takeNetstring = (bytes: Buffer): { content: string; rest: Buffer } | null => {
  const colon = bytes.indexOf(':');
  if (colon < 0) return null;
  const length = Number.parseInt(bytes.toString('latin1', 0, colon), 10);
  const end = colon + 1 + length;
  if (bytes.length < end + 1) return null;
  return { content: bytes.toString('utf8', colon + 1, end), rest: bytes.subarray(end + 1) };
};

const tryConnect = (port: number): Promise<Socket | null> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });

/** Starts a telephone; it is ready for `dial`. A port that someone else took first is no fault: others are tried. */
export const startPhone = async (options: PhoneOptions): Promise<Phone> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
};

const startOnce = async (options: PhoneOptions): Promise<Phone> => {
  const folder = mkdtempSync(join(tmpdir(), 'baresip-'));
  const ports: Ports = { sip: await freePort(), control: await freePort(), rtp: await freePort() };
  writeFileSync(join(folder, 'config'), configuration(folder, ports, options));
  writeFileSync(join(folder, 'contacts'), '');
  writeFileSync(join(folder, 'ca.pem'), options.ca ?? '');
  if (options.certificate !== undefined) {
    writeFileSync(join(folder, 'own.pem'), `${options.certificate.cert}${options.certificate.key}`);
  }
  writeFileSync(
    join(folder, 'accounts'),
    `<sip:${options.user}@127.0.0.1:${ports.sip};transport=${options.transport}>${[
      'regint=0',
      `audio_codecs=${options.codec}/${sampleRate(options)}/1`,
      ...(options.secure === true ? ['mediaenc=srtp-mand'] : []),
      ...(options.answers === true ? ['answermode=auto'] : []),
    ]
      .map((parameter) => `;${parameter}`)
      .join('')}\n`,
  );
  writeFileSync(
    join(folder, 'tone.wav'),
    wavFile(sine(options.tone.hz, 60_000, options.tone.level, sampleRate(options)), sampleRate(options)),
  );
  const child: ChildProcess = spawn('baresip', ['-f', folder, '-v'], {
    env: { ...process.env, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const take = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await exited;
      clearTimeout(force);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const socket = await until('the control port of baresip', async () => {
    if (child.exitCode !== null) throw new Error(`baresip ended: ${output.slice(-2_000)}`);
    return tryConnect(ports.control);
  }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  let pending: Buffer = Buffer.alloc(0);
  const events: PhoneEvent[] = [];
  const replies: { ok: boolean; data: string; token: string }[] = [];
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let next = takeNetstring(pending); next !== null; next = takeNetstring(pending)) {
      pending = next.rest;
      const message = JSON.parse(next.content) as Record<string, unknown>;
      if (message.event === true) events.push({ type: String(message.type), param: String(message.param ?? '') });
      else replies.push({ ok: message.ok === true, data: String(message.data), token: String(message.token) });
    }
  });
  socket.on('error', () => {});
  let tokens = 0;
  return {
    // TLS has the port after the one of UDP and TCP.
    address: `127.0.0.1:${options.transport === 'tls' ? ports.sip + 1 : ports.sip}`,
    command: async (name, params) => {
      const token = String(++tokens);
      const text = JSON.stringify({ command: name, token, ...(params === undefined ? {} : { params }) });
      socket.write(`${Buffer.byteLength(text)}:${text},`);
      const reply = await until(`the answer of baresip to ${name}`, () => replies.find((one) => one.token === token));
      if (!reply.ok) throw new Error(`baresip refused ${name}: ${reply.data}`);
    },
    event: async (type, timeout) => {
      try {
        const index = await until(
          `the event ${type} of baresip`,
          () => {
            const at = events.findIndex((event) => event.type === type);
            return at < 0 ? null : { at };
          },
          timeout,
        );
        return events.splice(index.at, 1)[0] ?? { type, param: '' };
      } catch (error) {
        throw new Error(
          `${error instanceof Error ? error.message : error}\n${JSON.stringify(events)}\n${output.slice(-4_000)}`,
        );
      }
    },
    output: () => output,
    stop: async () => {
      socket.destroy();
      await end();
    },
    heard: () => {
      const name = readdirSync(folder).find((file) => file.endsWith('-dec.wav'));
      if (name === undefined) throw new Error(`baresip recorded nothing: ${readdirSync(folder).join(' ')}`);
      const bytes = readFileSync(join(folder, name));
      // Copied, since a WAV header leaves the samples at an odd place of the buffer's memory.
      const samples = new Int16Array(Math.floor((bytes.length - 44) / 2));
      for (let i = 0; i < samples.length; i += 1) samples[i] = bytes.readInt16LE(44 + i * 2);
      return samples;
    },
  };
};
