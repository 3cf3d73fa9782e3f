import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LadderEntry } from '../../../src/telephony/sip/ladder/recorder.js';
import { type Phone, startPhone } from '../../support/baresip.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { sine, toneLevel } from '../../support/goertzel.js';
import { endedSession, liveSession, sessionOf } from '../../support/listed-sessions.js';
import { stereoChannels, wavFile } from '../../support/media.js';
import { type Nat, startNat } from '../../support/nat.js';
import { organization } from '../../support/organization.js';
import { freePort, rtpRange } from '../../support/ports.js';
import { until } from '../../support/until.js';

/** The gateway has this address … */
const inside = '127.0.0.1';
/** … and the world knows it by this one. */
const outside = '127.0.0.20';
const number = '+14155550100';

describe('behind a 1:1 NAT', () => {
  let folder: string;
  let gateway: TestGateway;
  let nat: Nat;
  let phone: Phone;
  let sipPort: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vg-nat-'));
    mkdirSync(join(folder, 'prompts'));
    writeFileSync(join(folder, 'prompts', 'tone.wav'), wavFile(sine(620, 2_000, -12)));
    sipPort = await freePort();
    const { from } = rtpRange();
    const rtpPorts = Array.from({ length: 8 }, (_, index) => from + index);
    nat = await startNat({ address: outside, inside, ports: [sipPort, ...rtpPorts] });
    gateway = await startGateway({
      dataDir: folder,
      sipPort,
      env: {
        SIP_LISTEN: `udp:${inside}:${sipPort}`,
        SIP_PUBLIC_ADDRESS: outside,
        RTP_PORTS: `${from}-${from + 7}`,
        RTP_PUBLIC_ADDRESS: outside,
      },
    });
    const steps = [{ play: 'tone.wav' }, { wait: 300 }];
    await gateway.apply(
      organization(steps, {
        agents: [{ id: 'support', name: 'Support', record: true, leg: { type: 'builtin', script: { steps } } }],
      }),
    );
    phone = await startPhone({
      transport: 'udp',
      codec: 'pcmu',
      user: '+14155550123',
      tone: { hz: 1_000, level: -10 },
    });
  });
  afterAll(async () => {
    await phone?.stop();
    await gateway?.stop();
    await nat?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('a call works both ways, and Via, Contact and SDP carry the public address alone', async () => {
    await phone.command('dial', `sip:${number}@${outside}:${sipPort};transport=udp`);
    await phone.event('CALL_ESTABLISHED');
    const { id } = await liveSession(gateway);
    await until('the prompt to have been played', async () => {
      const started = (await sessionOf(gateway, id)).timeline.find((entry) => entry.type === 'agent.said');
      return started !== undefined && Date.now() - Date.parse(started.at) > 2_300;
    });
    // Ours to hang up: the BYE is a request of our own, with our Via.
    await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' });
    await phone.event('CALL_CLOSED');
    await endedSession(gateway);

    const heard = phone.heard();
    expect(toneLevel(heard.subarray(4_000, 12_000), 620)).toBeGreaterThan(-13);
    const { left } = stereoChannels(readFileSync(join(folder, 'recordings', `${id}.wav`)));
    expect(toneLevel(left.subarray(left.length - 12_000, left.length - 4_000), 1_000)).toBeGreaterThan(-11);

    const { entries } = (await gateway.api(`/v1/sessions/${id}/ladder`)).body as { entries: readonly LadderEntry[] };
    const sent = entries.filter((entry) => entry.direction === 'out');
    const answer = sent.find((entry) => entry.startLine.startsWith('SIP/2.0 200') && entry.sdp);
    expect(answer?.message).toMatch(new RegExp(`^Contact:.*${outside}:${sipPort}`, 'm'));
    expect(answer?.message).toMatch(new RegExp(`^c=IN IP4 ${outside}\\r?$`, 'm'));
    expect(answer?.message).toMatch(new RegExp(`^o=.* IN IP4 ${outside}\\r?$`, 'm'));
    const bye = sent.find((entry) => entry.startLine.startsWith('BYE '));
    expect(bye?.message).toMatch(new RegExp(`^Via: SIP/2.0/UDP ${outside}:${sipPort};`, 'm'));
    // Nothing that we wrote ourselves tells where we really are; a Via of the caller's is the caller's.
    for (const { message } of sent) {
      const ours = message
        .split(/\r?\n/)
        .filter((line) => !/^(Via: .*(rport=|received=)|From:|To:|Call-ID:|BYE )/.test(line));
      expect(ours.filter((line) => line.includes(`${inside}:${sipPort}`) || line.includes(`IP4 ${inside}`))).toEqual(
        [],
      );
    }
    // Both kinds of packets really came by the public address.
    expect(nat.received.get(sipPort)).toBeGreaterThan(1);
    expect(
      Math.max(...[...nat.received].filter(([port]) => port !== sipPort).map(([, count]) => count)),
    ).toBeGreaterThan(90);
  });
});
