import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Phone, type PhoneOptions, startPhone } from '../../support/baresip.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { endedSession, liveSession, sessionOf } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { freePort } from '../../support/ports.js';
import { gatewayCertificate, testCa } from '../../support/tls-certificates.js';
import { expectTone } from '../../support/tones.js';
import { plainDestination } from '../../support/transfer-rig.js';
import { until } from '../../support/until.js';

const number = '+14155550100';
/** What each side plays: tones that share no harmonics. */
const callerTone = { hz: 1_000, level: -10 };
const deskTone = { hz: 620, level: -12 };

type Line = Pick<PhoneOptions, 'transport' | 'codec' | 'secure'>;
const plain: Line = { transport: 'udp', codec: 'pcmu' };
const alaw: Line = { transport: 'tcp', codec: 'pcma' };
const secure: Line = { transport: 'tls', codec: 'pcmu', secure: true };
const secureAlaw: Line = { transport: 'tls', codec: 'pcma', secure: true };

describe('two baresip telephones joined by a transfer', () => {
  let folder: string;
  let gateway: TestGateway;
  let tlsPort: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vg-telephones-'));
    mkdirSync(join(folder, 'tls'));
    const file = (name: string, content: string): string => {
      const path = join(folder, 'tls', name);
      writeFileSync(path, content);
      return path;
    };
    const sipPort = await freePort();
    tlsPort = await freePort();
    gateway = await startGateway({
      dataDir: folder,
      sipPort,
      env: {
        SIP_LISTEN: `udp:127.0.0.1:${sipPort},tcp:127.0.0.1:${sipPort},tls:127.0.0.1:${tlsPort}`,
        SIP_TLS_CERT: file('cert.pem', gatewayCertificate.cert),
        SIP_TLS_KEY: file('key.pem', gatewayCertificate.key),
        // The desk's certificate is of an authority that the machine does not know.
        NODE_EXTRA_CA_CERTS: file('ca.pem', testCa),
      },
    });
  });
  afterAll(async () => {
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const applyDesk = (phone: Phone, line: Line): Promise<void> =>
    gateway.apply(
      organization([{ wait: 300 }], {
        agents: [
          {
            id: 'support',
            name: 'Support',
            leg: { type: 'builtin', script: { steps: [{ wait: 300 }] } },
            transferDestinations: ['desk'],
          },
        ],
        transferDestinations: [
          {
            ...plainDestination,
            id: 'desk',
            name: 'A desk',
            type: 'sip',
            value: `sip:desk@${phone.address};transport=${line.transport}`,
            profile: 'zendesk-sip-in',
            secureMedia: line.secure === true,
          },
        ],
      }),
    );

  /** The caller calls, is transferred to the desk, both are heard for two seconds, the caller hangs up. */
  const talk = async (callerLine: Line, deskLine: Line) => {
    const desk = await startPhone({
      ...deskLine,
      ...{ user: 'desk', tone: deskTone, ca: testCa, certificate: gatewayCertificate, answers: true },
    });
    const caller = await startPhone({ ...callerLine, user: '+14155550123', tone: callerTone, ca: testCa });
    try {
      await applyDesk(desk, deskLine);
      const port = callerLine.transport === 'tls' ? tlsPort : gateway.sipPort;
      await caller.command('dial', `sip:${number}@127.0.0.1:${port};transport=${callerLine.transport}`);
      await caller.event('CALL_ESTABLISHED');
      const { id } = await liveSession(gateway);
      const transfer = { method: 'POST', body: { destination: 'desk' } };
      const { body } = await gateway.api(`/v1/sessions/${id}/transfer?wait=1`, transfer);
      expect(body).toMatchObject({ outcome: 'connected' });
      await desk.event('CALL_ESTABLISHED');
      await until('two seconds of talk', async () => {
        const { timeline } = await sessionOf(gateway, id);
        const joined = timeline.find((entry) => entry.type === 'transfer.connected');
        return joined !== undefined && Date.now() - Date.parse(joined.at) > 2_300;
      });
      await caller.command('hangup');
      await Promise.all([caller.event('CALL_CLOSED'), desk.event('CALL_CLOSED')]);
      const session = await endedSession(gateway, (one) => one.id === id);
      return { session, callerHeard: caller.heard(), deskHeard: desk.heard() };
    } finally {
      await Promise.all([caller.stop(), desk.stop()]);
    }
  };

  it.each([
    { what: 'PCMU to PCMU, forwarded', from: plain, to: plain },
    { what: 'PCMU to PCMA, converted', from: plain, to: alaw },
    { what: 'RTP to mandatory SRTP over TLS', from: plain, to: secure },
    { what: 'mandatory SRTP over TLS to RTP and PCMA', from: secure, to: alaw },
    { what: 'mandatory SRTP on both sides, with a key each', from: secureAlaw, to: secure },
  ])('$what: each hears the other and nothing else', async ({ from, to }) => {
    const { session, callerHeard, deskHeard } = await talk(from, to);
    expectTone(callerHeard, deskTone);
    expectTone(deskHeard, callerTone);
    expect(session.endReason).toBe('caller-hangup');
    const quality = session.timeline.find((entry) => entry.type === 'media.quality');
    expect(quality?.data).toMatchObject({
      caller: { codec: from.codec.toUpperCase(), packetsLost: 0 },
      destination: { codec: to.codec.toUpperCase(), packetsLost: 0 },
    });
  });
});
