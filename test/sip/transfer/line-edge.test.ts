import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Phone, startPhone } from '../../support/baresip.js';
import { hasProgram } from '../../support/given-program.js';
import { toneLevel } from '../../support/goertzel.js';
import { type Kamailio, type KamailioOptions, startKamailio } from '../../support/kamailio.js';
import { hears } from '../../support/listening.js';
import { freePort } from '../../support/ports.js';
import { onDrachtioServer } from '../../support/sip-application.js';
import { gatewayCertificate, strangerCertificate, testCa } from '../../support/tls-certificates.js';
import {
  agentTone,
  type Caller,
  holdTone,
  plainDestination,
  startTransferRig,
  type TransferRig,
} from '../../support/transfer-rig.js';
import { until } from '../../support/until.js';

/** A line as Zendesk and Twilio have it: an edge that admits by address and speaks TLS, and a telephone behind it. */
let rig: TransferRig;
let folder: string;
let tlsPort: number;
const without = !hasProgram('kamailio', 'kamailio');

let edge: Kamailio | null = null;
let desk: Phone | null = null;
let caller: Caller | null = null;

const callerTone = 600;
const deskTone = { hz: 1_000, level: -10 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vg-edge-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const sipPort = await freePort();
  tlsPort = await freePort();
  rig = await startTransferRig({
    sipPort,
    env: {
      SIP_LISTEN: `udp:127.0.0.1:${sipPort},tcp:127.0.0.1:${sipPort},tls:127.0.0.1:${tlsPort}`,
      SIP_TLS_CERT: file('cert.pem', gatewayCertificate.cert),
      SIP_TLS_KEY: file('key.pem', gatewayCertificate.key),
      SIP_TLS_CA: file('ca.pem', testCa),
    },
  });
});
afterAll(async () => {
  await rig.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await caller?.dialog.bye();
  await caller?.until('its end', (session) => session.status === 'ended');
  await desk?.stop();
  await edge?.stop();
  caller = null;
  desk = null;
  edge = null;
});

/** A call to an agent that plays its tone, with the line as destination. */
const call = async (
  options: KamailioOptions,
  destination: Readonly<Record<string, unknown>> = {},
  value = (line: Kamailio): string => `sip:support@127.0.0.1:${line.port}`,
): Promise<Caller> => {
  edge = await startKamailio(options);
  await rig.setUp(
    [{ play: 'agent.wav' }],
    [
      {
        ...plainDestination,
        ...{ id: 'zendesk', name: 'Zendesk human agent', type: 'sip', profile: 'zendesk-sip-in' },
        ...{ value: value(edge), ...destination },
      },
    ],
  );
  caller = await rig.call();
  await caller.phone.until('the agent', () => hears(agentPhone(), agentTone));
  return caller;
};
const agentPhone = (): Caller['phone'] => {
  if (caller === null) throw new Error('there is no call');
  return caller.phone;
};

describe.skipIf(without)('the allow-list of a line', () => {
  it('that answers 403 is told with the address that must be on it', async () => {
    const someone = await call({ allow: ['127.0.0.99'] });
    const { body } = await someone.transfer({ destination: 'zendesk' }, { wait: true });
    expect(body).toMatchObject({ outcome: 'rejected', sipStatus: 403 });
    expect(body.hint).toContain('127.0.0.1 must be on its list of allowed IP ranges');
    await someone.phone.until('the agent', () => hears(someone.phone, agentTone));
    expect(edge?.invites()).toEqual([]);
  });

  it('that drops what comes from elsewhere is told the same way', async () => {
    const someone = await call({ allow: ['127.0.0.99'], others: 'drop' }, { ringTimeout: 1 });
    const { body } = await someone.transfer({ destination: 'zendesk' }, { wait: true });
    expect(body).toMatchObject({ outcome: 'unreachable' });
    expect(body.hint).toContain('127.0.0.1 must be on its list of allowed IP ranges');
    await someone.phone.until('the agent', () => hears(someone.phone, agentTone));
    expect(edge?.invites()).toEqual([]);
  });

  it('lets the gateway in when it is on it', async () => {
    const someone = await call({ allow: ['127.0.0.99', '127.0.0.1'] });
    const { body } = await someone.transfer({ destination: 'zendesk' }, { wait: true });
    expect(body).toMatchObject({ outcome: 'busy', sipStatus: 486 });
    expect(edge?.invites()).toHaveLength(1);
  });
});

describe.skipIf(onDrachtioServer)('the certificate of the gateway', { timeout: 60_000 }, () => {
  const shown = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: tlsPort, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const reread = async ({ cert, key }: { cert: string; key: string }, said: RegExp): Promise<void> => {
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    const { gateway } = rig;
    const before = gateway.log().length;
    gateway.signal('SIGHUP');
    const line = ({ msg }: Readonly<Record<string, unknown>>): boolean => said.test(String(msg));
    await until('the log to say so', () => gateway.log().slice(before).some(line), 20_000);
  };

  it('is read again on SIGHUP; files that do not fit are refused and the one in force stays', async () => {
    expect(await shown()).toBe('gateway');
    await reread(strangerCertificate, /SIP certificates were read again/);
    expect(await shown()).toBe('stranger');
    await reread({ ...gatewayCertificate, key: strangerCertificate.key }, /SIP certificates could not be read again/);
    expect(await shown()).toBe('stranger');
    await reread(gatewayCertificate, /SIP certificates were read again/);
    expect(await shown()).toBe('gateway');
  });
});

// A given drachtio-server has transports of its own, perhaps without TLS.
describe.skipIf(without || onDrachtioServer)('a line with TLS and SRTP', () => {
  /** A caller on plain RTP who is connected to a desk that takes SRTP only, over TLS. */
  const connected = async (): Promise<{ someone: Caller; phone: Phone }> => {
    const phone = await startPhone({
      ...{ transport: 'tcp', codec: 'pcmu', secure: true, user: 'support', answers: true, tone: deskTone },
    });
    desk = phone;
    const someone = await call(
      { to: `sip:${phone.address};transport=tcp` },
      { secureMedia: true, holdAudio: 'hold.wav' },
      (line) => `sip:support@127.0.0.1:${line.tlsPort};transport=tls`,
    );
    const { body } = await someone.transfer({ destination: 'zendesk' }, { wait: true });
    expect(body).toMatchObject({ outcome: 'connected' });
    await phone.event('CALL_ESTABLISHED');
    return { someone, phone };
  };

  it('hears the caller and is heard, while the caller has plain RTP', async () => {
    const { someone, phone } = await connected();
    const stop = someone.phone.tone(callerTone);
    await someone.phone.until('the desk', () => hears(someone.phone, deskTone.hz));
    const text = (await edge?.invite())?.toString('latin1') ?? '';
    expect(text).toMatch(/^INVITE sip:support@127\.0\.0\.1:\d+;transport=tls SIP\/2\.0\r\n/);
    expect(text).toMatch(/^Via: SIP\/2\.0\/TLS /m);
    expect(text).toMatch(/^m=audio \d+ RTP\/SAVP 0 8 101\r$/m);
    expect(text).toMatch(/^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/=]{40}\r$/m);
    const before = someone.phone.packets.length;
    await someone.phone.until('two seconds more', () => someone.phone.packets.length > before + 100);
    stop();
    await someone.dialog.bye();
    await phone.event('CALL_CLOSED');
    const heard = phone.heard();
    const loudest = Math.max(
      ...Array.from({ length: Math.floor(heard.length / 800) }, (_, n) =>
        toneLevel(heard.subarray(n * 800, (n + 1) * 800), callerTone),
      ),
    );
    expect(loudest).toBeGreaterThan(-12);
  });

  it('holds and resumes: the caller hears hold audio meanwhile, and the desk again after it', async () => {
    const { someone, phone } = await connected();
    await someone.phone.until('the desk', () => hears(someone.phone, deskTone.hz));
    await phone.command('hold');
    await someone.phone.until('hold audio', () => hears(someone.phone, holdTone));
    await someone.until('the hold', (session) => session.timeline.some(({ type }) => type === 'media.held'));
    await phone.command('resume');
    await someone.phone.until('the desk again', () => hears(someone.phone, deskTone.hz));
    await someone.until('the end of it', (session) => session.timeline.some(({ type }) => type === 'media.resumed'));
    await phone.command('hangup');
    expect(await someone.ended).toMatchObject({ by: 'remote' });
    const session = await someone.until('the end', ({ status }) => status === 'ended');
    expect(session).toMatchObject({ endReason: 'destination-hangup', transfer: { outcome: 'connected' } });
  });
});
