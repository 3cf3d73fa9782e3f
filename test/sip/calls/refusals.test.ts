import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/core/entry-path.js';
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../support/gateway.js';
import { liveSession, sessionsOf } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { freePort } from '../../support/ports.js';
import { runSipp, startSipp } from '../../support/sipp.js';
import {
  ackFailure,
  expectMessage,
  inDialog,
  invite,
  reply,
  type Step,
  scenario,
  sdp,
} from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';
import { callRefusals, patternOf, type RefusalRow, refusalsPage, startRefusals } from './refusal-table.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vg-refusals-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('the page of refusals says what these tests provoke (vitest -u writes it)', async () => {
  const page = join(packageRoot(import.meta.url), 'docs/reference/refusals.md');
  await expect(refusalsPage()).toMatchFileSnapshot(page);
});

const number = (text: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  ...{ number: text, agent: 'support', profile: 'local', verified: true },
  ...changes,
});
const document = organization([{ wait: 300 }], {
  numbers: [
    number('+14155550100'),
    number('+14155550101', { verified: false }),
    number('+14155550102', { profile: 'generic-trunk' }),
  ],
});

type Attempt = {
  readonly user?: string;
  readonly headers?: string;
  readonly body?: string;
  /** Loopback has many addresses, and profile `local` takes one of them. */
  readonly address?: string;
};

/** Calls, and expects the row's status on the wire, its sentence once in the log, and no session. */
const expectRefused = async (gateway: TestGateway, row: RefusalRow, attempt: Attempt = {}): Promise<void> => {
  const [status = '', header] = row.result.split(', ');
  const before = (await sessionsOf(gateway)).length;
  const lines = (): readonly Readonly<Record<string, unknown>>[] =>
    gateway.log().filter((line) => line.level === 'warn' && typeof line.rule === 'string');
  const known = lines().length;
  const { address, ...message } = attempt;
  const result = await runSipp({
    target: `127.0.0.1:${gateway.sipPort}`,
    ...(address === undefined ? {} : { address }),
    scenario: scenario(
      invite(message),
      expectMessage(100, { optional: true }),
      expectMessage(Number(status), header === undefined ? {} : { matches: [`${header}: `] }),
      ackFailure(1, message.user),
    ),
  });
  expect(result.code, `${result.errors}\n${result.messages}`).toBe(0);
  // The line comes by another way than the answer.
  await until('the line of the refusal', () => lines().length > known, 20_000);
  const fresh = lines().slice(known);
  expect(fresh).toHaveLength(1);
  expect(fresh[0]).toMatchObject({ status: Number(status), rule: expect.stringMatching(patternOf(row)) });
  expect(await sessionsOf(gateway)).toHaveLength(before);
};

describe('a call', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.apply(document);
  });
  afterAll(() => gateway?.stop());

  const attempts: readonly (readonly [keyof typeof callRefusals, Attempt])[] = [
    ['unknownSource', { address: '127.0.0.2' }],
    ['unknownNumber', { user: '+14155550999' }],
    ['unverifiedNumber', { user: '+14155550101' }],
    ['otherProfile', { user: '+14155550102' }],
    ['unreadableNumber', { user: 'alice' }],
    [
      'noCommonCodec',
      { body: sdp().replace('RTP/AVP 0 101', 'RTP/AVP 18').replace('a=rtpmap:0 PCMU', 'a=rtpmap:18 G729') },
    ],
    ['sessionInterval', { headers: 'Supported: timer\nSession-Expires: 60' }],
    ['unknownExtension', { headers: 'Require: replaces' }],
  ];
  it.each(attempts)('is refused: %s', async (name, attempt) => {
    await expectRefused(gateway, callRefusals[name], attempt);
  });
});

describe('a call beside another', () => {
  const hold: readonly Step[] = [
    invite(),
    expectMessage(100, { optional: true }),
    expectMessage(180, { optional: true }),
    expectMessage(200),
    inDialog('ACK', 1),
    expectMessage('BYE'),
    reply('200 OK', { tag: false }),
  ];
  /** Refuses the second call and lets the first one live on. */
  const second = async (options: TestGatewayOptions, row: RefusalRow): Promise<void> => {
    const gateway = await startGateway(options);
    try {
      await gateway.apply(document);
      const first = await startSipp({ target: `127.0.0.1:${gateway.sipPort}`, scenario: scenario(...hold) });
      const { id } = await liveSession(gateway);
      await expectRefused(gateway, row);
      expect((await liveSession(gateway)).id).toBe(id);
      await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' });
      expect((await first.done).code).toBe(0);
    } finally {
      await gateway.stop();
    }
  };

  it('is refused when all RTP ports are in use', async () => {
    const port = (await freePort()) & ~1;
    await second({ env: { RTP_PORTS: `${port}-${port + 1}` } }, callRefusals.portsExhausted);
  });

  it('is refused at the limit of calls', async () => {
    const dataDir = join(folder, 'limited');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'gateway.yaml'), 'limits: { maxCalls: 1 }\n');
    await second({ dataDir }, callRefusals.tooManyCalls);
  });
});

describe('a start', () => {
  let running: TestGateway;
  beforeAll(async () => {
    running = await startGateway();
    mkdirSync(join(folder, 'bin'));
    symlinkSync(process.execPath, join(folder, 'bin', 'node'));
    mkdirSync(join(folder, 'profiles'));
    writeFileSync(join(folder, 'profiles', 'carrier.yaml'), 'name: carrier\ninbound: { sources: [nowhere] }\n');
    writeFileSync(join(folder, 'not.pem'), 'not a certificate');
  });
  afterAll(() => running?.stop());

  const tls = (file: string): TestGatewayOptions => ({
    env: { SIP_LISTEN: 'tls:127.0.0.1:0', SIP_TLS_CERT: join(folder, file), SIP_TLS_KEY: join(folder, file) },
  });
  const starts: readonly (readonly [keyof typeof startRefusals, () => TestGatewayOptions])[] = [
    ['sipPort', () => ({ sipPort: running.sipPort })],
    ['sipAddress', () => ({ env: { SIP_LISTEN: 'udp:192.0.2.1:5060' } })],
    ['rtpAddress', () => ({ env: { RTP_ADDRESS: '192.0.2.1' } })],
    ['wildcard', () => ({ env: { SIP_LISTEN: 'udp:0.0.0.0:0' } })],
    ['httpPort', () => ({ httpPort: Number(new URL(running.httpUrl).port) })],
    ['dataDir', () => ({ dataDir: running.dataDir })],
    ['noRedis', () => ({ env: { PATH: join(folder, 'bin') } })],
    ['tlsUnset', () => ({ env: { SIP_LISTEN: 'tls:127.0.0.1:0' } })],
    ['tlsMissing', () => tls('missing.pem')],
    ['tlsInvalid', () => tls('not.pem')],
    ['profile', () => ({ env: { SIP_PROFILES: join(folder, 'profiles') } })],
    ['configuration', () => ({ env: { RTP_PORTS: 'many' } })],
  ];
  it.each(starts)('is refused: %s', async (name, optionsOf) => {
    const gateway = await startGateway({ ...optionsOf(), waitReady: false });
    try {
      expect(await gateway.exited).toEqual({ code: 1, signal: null });
      // Everything else in the output is the log, one JSON object a line.
      const said = gateway
        .output()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{'));
      expect(said).toEqual([expect.stringMatching(/^voice-gateway cannot start: /)]);
      expect(said[0]?.slice('voice-gateway cannot start: '.length)).toMatch(patternOf(startRefusals[name]));
    } finally {
      await gateway.stop();
    }
  });

  it('that was refused disturbs nobody: the gateway it met still answers', async () => {
    expect((await fetch(`${running.httpUrl}/readyz`)).status).toBe(200);
  });
});
