import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../src/core/entry-path.js';
import { type BotRig, startBotRig, toneLength } from '../support/bot-rig.js';
import { hears } from '../support/listening.js';
import { freePort } from '../support/ports.js';
import { rtpPeer } from '../support/rtp-peer.js';
import { type Desk, startDesk } from '../support/sip-in-line.js';
import { plainDestination } from '../support/transfer-rig.js';
import { until } from '../support/until.js';

const root = packageRoot(import.meta.url);
let rig: BotRig;
let bot: ChildProcess;
let desk: Desk;
let port: number;
let output = '';

beforeAll(async () => {
  [rig, port] = await Promise.all([startBotRig(), freePort()]);
  bot = spawn(process.execPath, [join(root, 'dist/examples/websocket-bot/bot.js')], {
    env: { PATH: process.env.PATH, PORT: String(port), BOT_TOKEN: 'secret-of-the-bot' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  bot.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until('the bot', () => output.includes('listens'));
});
afterAll(async () => {
  const gone = once(bot, 'exit');
  bot.kill();
  await gone;
  await rig.close();
  desk.close();
});

it('the example bot greets, runs an action, transfers, and hangs up', async () => {
  rig.shop.respond = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{"open":true}');
  const human = await rtpPeer();
  desk = await startDesk(human);
  await rig.gateway.apply({
    organization: { id: 'acme' },
    secrets: { bot: 'secret-of-the-bot' },
    actions: [{ name: 'Opening hours', method: 'GET', url: `${rig.shop.origin}/hours` }],
  });
  const shipped = parse(readFileSync(join(root, 'examples/websocket-bot/org.yaml'), 'utf8'));
  const { type: _, ...leg } = { ...shipped.agents[0].leg, url: `ws://127.0.0.1:${port}`, bearer: 'bot' };
  await rig.point(leg.url, leg, { actions: ['opening_hours'] }, [
    {
      ...{ ...plainDestination, id: 'human', name: 'A person', type: 'sip', profile: 'zendesk-sip-in' },
      value: `sip:human@127.0.0.1:${desk.port};transport=udp`,
    },
  ]);

  const first = await rig.call();
  const { phone } = first;
  await phone.until('the greeting', () => [440, 660, 880].every((hz) => toneLength(phone, hz) >= 160));
  expect(output).toContain('tools: transfer_call,end_call,send_dtmf,opening_hours');
  await phone.press(1, 100);
  await phone.until('what went well', () => toneLength(phone, 1_200) >= 160);
  expect(rig.shop.requests.map(({ url }) => url)).toEqual(['/hours']);
  await phone.press(2, 100);
  await first.until('the human', ({ status }) => status === 'transferred');
  const stop = human.tone(620);
  await phone.until('the human', () => hears(phone, 620));
  stop();
  await rig.tidy();

  const second = await rig.call();
  await second.phone.until('the greeting', () => toneLength(second.phone, 440) >= 160);
  await second.phone.press(0, 100);
  await second.ended;
  expect(toneLength(second.phone, 440)).toBeGreaterThanOrEqual(320);
  expect((await second.until('the end', ({ status }) => status === 'ended')).endReason).toBe('agent-hangup');
  await human.close();
});
