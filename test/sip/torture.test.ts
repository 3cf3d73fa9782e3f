import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import Srf from 'drachtio-srf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, startEngine } from '../../src/telephony/sip-engine/index.js';
import { until } from '../support/until.js';

// The torture messages of RFC 4475 sent to a running engine with an application behind it: what comes back on the wire,
// and what the application gets to see.
const vectors = new URL('../../../shared/vectors/rfc4475/', import.meta.url);
const present = existsSync(vectors);
if (!present) process.stdout.write(`torture tests are skipped: no messages in ${fileURLToPath(vectors)}\n`);

/** Messages that must not be processed: the answer the RFC wants, undefined where it wants the message dropped. */
const refused: Record<string, number | undefined> = {
  badinv01: 400,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: undefined,
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: 400,
  trws: 400,
  escruri: 400,
  regbadct: 400,
  badaspec: 400,
  baddn: 400,
  badvers: 505,
  mismatch01: 400,
  mismatch02: 501,
  bigcode: undefined,
  insuf: 400,
  multi01: 400,
  mcl01: 400,
  // Valid as messages, refused for what they ask: methods and URI schemes nobody knows, a Require nobody fulfils.
  esc02: 501,
  intmeth: 501,
  unkscm: 416,
  novelsc: 416,
  bext01: 420,
  // Its To has a tag: it belongs to a dialog, which nobody knows here.
  wsinv: 481,
};

/** Messages that reach the application. */
const delivered = ['esc01', 'escnull', 'longreq', 'dblreq', 'mpart01', 'regaut01', 'cparam01', 'cparam02'];

let engine: Engine;
let srf: Srf;
let socket: UdpSocket;
const answers = new Map<string, number>();
const seen: string[] = [];

const portOf = (transport: string): number => engine.listen.find((p) => p.transport === transport)?.port ?? 0;

/** The message with a Via of ours on top, by which its answer finds us. */
const withOurVia = (name: string, transport: string, port: number): Buffer => {
  const bytes = readFileSync(new URL(`${name}.dat`, vectors));
  const lineEnd = bytes.indexOf('\r\n') + 2;
  const via = `Via: SIP/2.0/${transport} 127.0.0.1:${port};branch=z9hG4bK-torture-${name};rport\r\n`;
  return Buffer.concat([bytes.subarray(0, lineEnd), Buffer.from(via), bytes.subarray(lineEnd)]);
};

const statusOf = (text: string): number => Number(/^SIP\/2\.0 (\d{3}) /.exec(text)?.[1] ?? 0);

beforeAll(async () => {
  if (!present) return;
  engine = await startEngine({
    listen: [
      { transport: 'udp', address: '127.0.0.1', port: 0 },
      { transport: 'tcp', address: '127.0.0.1', port: 0 },
    ],
    admin: { host: '127.0.0.1', port: 0, secret: 'torture' },
  });
  srf = new Srf();
  srf.connect({ host: '127.0.0.1', port: engine.adminPort, secret: 'torture' });
  await new Promise<void>((resolve) => srf.on('connect', () => resolve()));
  const decline = (req: Srf.SrfRequest, res: Srf.SrfResponse): void => {
    seen.push(req.get('Call-ID'));
    res.send(480);
  };
  srf.invite(decline);
  for (const method of ['register', 'message', 'options']) srf.use(method, decline);
  socket = createSocket('udp4');
  socket.on('message', (bytes) => {
    const text = bytes.toString();
    const name = /branch=z9hG4bK-torture-(\w+)/.exec(text)?.[1] ?? '';
    if (statusOf(text) >= 200) answers.set(name, statusOf(text));
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  if (!present) return;
  srf.disconnect();
  socket.close();
  await engine.close();
});

const callIdOf = (name: string): string | undefined =>
  /^(?:Call-ID|i)\s*:\s*(\S+)/im.exec(readFileSync(new URL(`${name}.dat`, vectors), 'latin1'))?.[1];

describe.skipIf(!present)('RFC 4475 by UDP', () => {
  const sendAll = async (): Promise<void> => {
    for (const name of [...Object.keys(refused), ...delivered]) {
      socket.send(withOurVia(name, 'UDP', socket.address().port), portOf('udp'), '127.0.0.1');
    }
    const answered = Object.values(refused).filter((status) => status !== undefined).length + delivered.length;
    await until(`${answered} answers, not ${answers.size}`, () => answers.size === answered);
  };
  beforeAll(sendAll);

  it.each(Object.entries(refused))('%s is answered with %s and never reaches the application', (name, status) => {
    expect(answers.get(name)).toBe(status);
    const callId = callIdOf(name);
    if (callId !== undefined) expect(seen).not.toContain(callId);
  });

  it.each(delivered)('%s reaches the application under its Call-ID', (name) => {
    expect(seen).toContain(callIdOf(name));
    expect(answers.get(name)).toBe(480);
  });

  it('responses that are dropped are counted under their reason', () => {
    expect(engine.stats().invalid).toMatchObject({
      'CSeq is malformed or not below 2**31': expect.any(Number),
      'status code is not between 100 and 699': 1,
    });
  });
});

describe.skipIf(!present)('RFC 4475 by TCP', () => {
  // clerr announces more than it brings: on a stream that is a message still to come. A stream cannot be read on after
  // a Content-Length that is no number or is there twice: the answer goes out and the connection is closed.
  const cases = Object.entries(refused).filter(([name]) => name !== 'clerr');

  it.each(cases)('%s is answered with %s', async (name, status) => {
    const connection = connect(portOf('tcp'), '127.0.0.1');
    let text = '';
    connection.on('data', (chunk) => {
      text += chunk.toString();
    });
    const closed = new Promise<void>((resolve) => connection.on('close', () => resolve()));
    connection.write(withOurVia(name, 'TCP', 5060));
    if (status === undefined) {
      // A ping behind the message: its pong proves that the message was read and nothing was said to it.
      connection.write('\r\n\r\n');
      await until('the pong', () => text !== '');
      expect(text).toBe('\r\n');
    } else {
      await until('the answer', () => text.includes('\r\n\r\n'));
      expect(statusOf(text)).toBe(status);
    }
    if (name === 'ncl' || name === 'mcl01') await closed;
    connection.destroy();
  });
});
