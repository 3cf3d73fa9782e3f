import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../core/clock.js';
import { type NgClient, ngClient } from './ng-client.js';

type Heard = { readonly cookie: string; readonly body: string; readonly reply: (text: string) => void };

let server: Socket;
let client: NgClient;
afterEach(() => {
  client.close();
  server.close();
});

/** A stand-in that hears what the client sends and answers as a test wants. */
const setUp = async (onHeard: (heard: Heard, count: number) => void): Promise<Heard[]> => {
  const all: Heard[] = [];
  server = createSocket('udp4');
  server.on('message', (message: Buffer, from: RemoteInfo) => {
    const text = message.toString();
    const cookie = text.slice(0, text.indexOf(' '));
    const heard = {
      ...{ cookie, body: text.slice(cookie.length + 1) },
      reply: (answer: string) => server.send(answer, from.port, from.address),
    };
    all.push(heard);
    onHeard(heard, all.length);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  client = ngClient({ host: '127.0.0.1', port: server.address().port, clock: systemClock });
  return all;
};

describe('a client of the ng protocol', () => {
  it('matches answers by their cookie, whatever the order and whatever else arrives', async () => {
    const waiting: Heard[] = [];
    await setUp((heard) => {
      waiting.push(heard);
      if (waiting.length < 2) return;
      const [first, second] = waiting;
      for (const junk of ['', 'x', `${first?.cookie}`, `${first?.cookie} d6:result`, 'other d6:result2:oke']) {
        first?.reply(junk);
      }
      second?.reply(`${second.cookie} d6:result4:ponge`);
      first?.reply(`${first.cookie} d6:result2:ok3:sdp3:v=0e`);
    });
    const [offer, ping] = await Promise.all([
      client.request('offer', { sdp: 'v=0', flags: ['a'] }),
      client.request('ping'),
    ]);
    expect(offer.ok && offer.reply.get('sdp')).toBe('v=0');
    expect(ping.ok && ping.reply.get('result')).toBe('pong');
    expect(waiting[0]?.body).toBe('d3:sdp3:v=05:flagsl1:ae7:command5:offere');
  });

  it('repeats a command with the same cookie until it is answered', async () => {
    const heard = await setUp((one, count) => {
      if (count === 3) one.reply(`${one.cookie} d6:result2:oke`);
    });
    expect(await client.request('query', {}, { timeoutMs: 20_000 })).toMatchObject({ ok: true });
    expect(new Set(heard.map(({ cookie, body }) => `${cookie} ${body}`)).size).toBe(1);
    expect(heard.length).toBeGreaterThanOrEqual(3);
  });

  it('tells a refusal from silence', async () => {
    await setUp((one) => {
      if (one.body.includes('offer')) one.reply(`${one.cookie} d6:result5:error12:error-reason12:Unknown calle`);
    });
    expect(await client.request('offer')).toEqual({ ok: false, why: 'refused', reason: 'Unknown call' });
    expect(await client.request('ping', {}, { timeoutMs: 50 })).toMatchObject({ ok: false, why: 'silent' });
  });

  it('takes the word of the machine that nobody listens, and asks anew once somebody does', async () => {
    await setUp((one) => one.reply(`${one.cookie} d6:result4:ponge`));
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    // Much sooner than the time it may take: the test would fail by its own limit.
    expect(await client.request('ping', {}, { timeoutMs: 600_000 })).toMatchObject({ ok: false, why: 'silent' });
    server = createSocket('udp4');
    server.on('message', (message, from) => {
      server.send(`${message.toString().split(' ')[0]} d6:result4:ponge`, from.port, from.address);
    });
    server.bind(port, '127.0.0.1');
    await once(server, 'listening');
    expect(await client.request('ping', {}, { timeoutMs: 20_000 })).toMatchObject({ ok: true });
  });

  it('resolves the name anew after three commands without an answer', async () => {
    const ports = new Set<number>();
    await setUp(() => {});
    server.on('message', (_message: Buffer, from: RemoteInfo) => void ports.add(from.port));
    for (let i = 0; i < 4; i += 1)
      expect(await client.request('ping', {}, { timeoutMs: 40 })).toMatchObject({ ok: false });
    // Another socket: it was connected to what the name means now.
    await expect.poll(() => ports.size, { timeout: 20_000 }).toBe(2);
  });

  it('answers whoever waits when it is closed, and nobody after that', async () => {
    await setUp(() => {});
    const asked = client.request('ping', {}, { timeoutMs: 600_000 });
    client.close();
    expect(await asked).toMatchObject({ ok: false, why: 'silent' });
    expect(await client.request('ping')).toMatchObject({ ok: false });
  });

  it('answers when the name cannot be resolved', async () => {
    await setUp(() => {});
    client.close();
    client = ngClient({ host: 'nowhere.invalid', port: 2, clock: systemClock });
    expect(await client.request('ping', {}, { timeoutMs: 5_000 })).toMatchObject({ ok: false, why: 'silent' });
  });
});
