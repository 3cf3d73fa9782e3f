import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LadderEntry } from '../../../src/telephony/sip/ladder/recorder.js';
import { type Phone, startPhone } from '../../support/baresip.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { sine } from '../../support/goertzel.js';
import { endedSession, liveSession, sessionOf } from '../../support/listed-sessions.js';
import { stereoChannels, wavFile } from '../../support/media.js';
import { organization } from '../../support/organization.js';
import { freePort } from '../../support/ports.js';
import { gatewayCertificate, testCa } from '../../support/tls-certificates.js';
import { expectTone } from '../../support/tones.js';
import { until } from '../../support/until.js';

const number = '+14155550100';
/** What the phone plays, and what the agent's prompt is: two tones that share no harmonics. */
const phoneTone = { hz: 1_000, level: -10 };
const promptTone = { hz: 620, level: -12 };

type Line = {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly codec: 'pcmu' | 'pcma' | 'g722';
  readonly secure: boolean;
};
const lines: readonly Line[] = [
  { transport: 'udp', codec: 'pcmu', secure: false },
  { transport: 'tcp', codec: 'pcma', secure: false },
  { transport: 'tls', codec: 'pcmu', secure: true },
  { transport: 'udp', codec: 'g722', secure: false },
];

describe('a baresip telephone', () => {
  let folder: string;
  let gateway: TestGateway;
  let tlsPort: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vg-baresip-'));
    writeFileSync(join(folder, 'cert.pem'), gatewayCertificate.cert);
    writeFileSync(join(folder, 'key.pem'), gatewayCertificate.key);
    mkdirSync(join(folder, 'prompts'));
    writeFileSync(join(folder, 'prompts', 'tone.wav'), wavFile(sine(promptTone.hz, 2_000, promptTone.level)));
    mkdirSync(join(folder, 'profiles'));
    const shipped = readFileSync(new URL('../../../sip-profiles/local.yaml', import.meta.url), 'utf8');
    const withG722 = shipped.replace('codecs: [PCMU, PCMA]', 'codecs: [PCMU, PCMA, G722]');
    writeFileSync(join(folder, 'profiles', 'local.yaml'), withG722);
    const sipPort = await freePort();
    tlsPort = await freePort();
    gateway = await startGateway({
      dataDir: folder,
      sipPort,
      env: {
        SIP_LISTEN: `udp:127.0.0.1:${sipPort},tcp:127.0.0.1:${sipPort},tls:127.0.0.1:${tlsPort}`,
        SIP_TLS_CERT: join(folder, 'cert.pem'),
        SIP_TLS_KEY: join(folder, 'key.pem'),
        SIP_PROFILES: join(folder, 'profiles'),
      },
    });
    const steps = [
      { play: 'tone.wav' },
      { ask: { digits: 1, timeout: 20, choices: { '5': [{ press: '7#' }] } } },
      { wait: 300 },
    ];
    await gateway.apply(
      organization(steps, {
        agents: [{ id: 'support', name: 'Support', record: true, leg: { type: 'builtin', script: { steps } } }],
      }),
    );
  });
  afterAll(async () => {
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const timelineOf = async (id: string): Promise<readonly string[]> =>
    (await sessionOf(gateway, id)).timeline.map((entry) => entry.type);
  const seen = (id: string, type: string): Promise<unknown> =>
    until(`${type} in the timeline`, async () => (await timelineOf(id)).includes(type));

  /** The INVITEs the phone sent, from the ladder. */
  const invitesOf = async (id: string): Promise<readonly LadderEntry[]> => {
    const { body } = await gateway.api(`/v1/sessions/${id}/ladder`);
    const { entries } = body as { readonly entries: readonly LadderEntry[] };
    return entries.filter((entry) => entry.direction === 'in' && entry.startLine.startsWith('INVITE '));
  };

  const inCall = async (line: Line, user: string, act: (phone: Phone, id: string) => Promise<void>) => {
    const port = line.transport === 'tls' ? tlsPort : gateway.sipPort;
    const phone = await startPhone({ ...line, user, tone: phoneTone, ca: testCa });
    try {
      await phone.command('dial', `sip:${number}@127.0.0.1:${port};transport=${line.transport}`);
      await phone.event('CALL_ESTABLISHED');
      const { id } = await liveSession(gateway);
      await act(phone, id);
      await phone.command('hangup');
      await phone.event('CALL_CLOSED');
      const session = await endedSession(gateway, (one) => one.id === id);
      return { session, heard: phone.heard() };
    } finally {
      await phone.stop();
    }
  };

  it.each(lines)('over $transport with $codec (SDES: $secure) is heard, hears, and keys go both ways', async (line) => {
    const { session, heard } = await inCall(line, `+1415555030${lines.indexOf(line)}`, async (phone, id) => {
      // The prompt is over when the script asks; the answer to the question is what it sends keys after.
      await until('the whole prompt to be played', async () => {
        const said = (await sessionOf(gateway, id)).timeline.find((entry) => entry.type === 'agent.said');
        return said !== undefined && Date.now() - Date.parse(said.at) > 2_300;
      });
      await phone.command('sndcode', '5');
      await seen(id, 'dtmf.received');
      expect((await phone.event('CALL_DTMF_START')).param).toBe('7');
      expect((await phone.event('CALL_DTMF_START')).param).toBe('#');
      await seen(id, 'dtmf.sent');
    });

    expectTone(heard, promptTone, line.codec === 'g722' ? 16_000 : 8_000);
    const { left, right } = stereoChannels(readFileSync(join(folder, 'recordings', `${session.id}.wav`)));
    expectTone(left, phoneTone);
    expectTone(right, promptTone);
    expect(session).toMatchObject({
      caller: { e164: `+1415555030${lines.indexOf(line)}` },
      endReason: 'caller-hangup',
    });
    const keys = session.timeline.filter((entry) => entry.type === 'dtmf.received');
    expect(keys.map((entry) => entry.data.digit)).toEqual(['5']);
    const quality = session.timeline.find((entry) => entry.type === 'media.quality');
    expect(quality?.data.caller).toMatchObject({ packetsLost: 0 });
    const [offer] = await invitesOf(session.id);
    expect(offer?.message).toContain(`m=audio `);
    expect(offer?.message.includes('RTP/SAVP')).toBe(line.secure);
    expect(offer?.transport).toBe(line.transport);
  });

  it('holds and resumes by re-INVITE, and is heard again', async () => {
    const line = { transport: 'udp', codec: 'pcmu', secure: false } as const;
    const { session } = await inCall(line, '+14155550310', async (phone, id) => {
      await seen(id, 'media.started');
      await phone.command('hold');
      await seen(id, 'media.held');
      await phone.command('resume');
      await seen(id, 'media.resumed');
      // A key that arrives shows that media flows again.
      await phone.command('sndcode', '5');
      await seen(id, 'dtmf.received');
    });
    const types = session.timeline.map((entry) => entry.type);
    const order = ['media.started', 'media.held', 'media.resumed', 'dtmf.received', 'call.ended'];
    expect(types.filter((type) => order.includes(type))).toEqual(order);
    // One to call, one to hold, one to resume.
    expect(await invitesOf(session.id)).toHaveLength(3);
  });
});
