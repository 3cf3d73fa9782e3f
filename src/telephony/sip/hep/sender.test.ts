import { afterEach, beforeEach, expect, it } from 'vitest';
import { type HepReceiver, startHepReceiver } from '../../../../test/support/hep-receiver.js';
import { until } from '../../../../test/support/until.js';
import { systemClock } from '../../../core/clock.js';
import { silentLogger } from '../../../core/logger.js';
import type { WireMessage } from '../ladder/recorder.js';
import { type HepSender, openHepSender } from './sender.js';

let homer: HepReceiver;
let sender: HepSender | null = null;
beforeEach(async () => {
  homer = await startHepReceiver();
});
afterEach(() => {
  sender?.close();
  homer.close();
});

const invite = [
  'INVITE sip:a@b SIP/2.0',
  'From: <sip:+14155550123@h>;tag=1',
  'Privacy: id',
  'Authorization: Digest username="ann", realm="r", nonce="canary-nonce", response="canary-response"',
  '',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:canary-key',
  'Signal=5\xff',
].join('\r\n');
const answer = 'SIP/2.0 200 OK\r\nFrom: <sip:+14155550123@h>;tag=1\r\n\r\n';
const message: WireMessage = {
  ...{ at: 1_700_000_000_000, direction: 'in', transport: 'udp', retransmission: false },
  ...{ local: '0.0.0.0:5060', remote: '192.0.2.10:5080', callId: 'c@h', raw: Buffer.from(invite, 'latin1') },
};

it('sends what goes by, both ways, without credentials, and its own address for one that means all', async () => {
  sender = openHepSender({
    ...{ host: '127.0.0.1', port: homer.port, agent: { id: 7, node: 'n', key: null } },
    ...{ ownAddress: '198.51.100.7', clock: systemClock, log: silentLogger },
  });
  // A datagram may get lost, and what comes before Homer's name is known is not sent.
  const packets = await until(
    'both directions',
    () => {
      sender?.send(message);
      sender?.send({ ...message, direction: 'out', raw: Buffer.from(answer) });
      sender?.send({ ...message, callId: '' });
      return new Set(homer.packets.map((packet) => packet.number(7))).size === 2 ? homer.packets : null;
    },
    20_000,
  );
  const received = packets.find((packet) => packet.number(7) === 5_080);
  const sent = packets.find((packet) => packet.number(7) === 5_060);
  expect(received?.chunks.get(4)?.join('.')).toBe('198.51.100.7');
  expect(sent?.chunks.get(3)?.join('.')).toBe('198.51.100.7');
  expect(sent?.chunks.get(4)?.join('.')).toBe('192.0.2.10');
  expect(packets.every((packet) => packet.text(0x11) === 'c@h')).toBe(true);
  const payload = received?.chunks.get(0x0f)?.toString('latin1') ?? '';
  expect(payload).not.toMatch(/canary|Signal=5/);
  expect(payload).toContain('username="ann"');
  expect(payload).toContain('inline:********');
  // The answer does not say that the number is withheld; the INVITE did.
  expect(sent?.chunks.get(0x0f)?.toString('latin1')).toBe(answer.replace('+14155550123', '********'));
});

it('says once that Homer cannot be found, and disturbs nobody', async () => {
  const lines: string[] = [];
  sender = openHepSender({
    ...{ host: 'homer..invalid', port: 9_060, agent: { id: 7, node: 'n', key: null }, ownAddress: null },
    clock: systemClock,
    log: { ...silentLogger, warn: (_: unknown, text: string) => void lines.push(text) },
  });
  await until('the complaint', () => lines.length > 0, 20_000);
  for (let i = 0; i < 3; i += 1) sender.send(message);
  expect(lines).toEqual(['SIP messages cannot be sent to Homer']);
});
