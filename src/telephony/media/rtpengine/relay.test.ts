import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../../test/support/until.js';
import { systemClock } from '../../../core/clock.js';
import { silentLogger } from '../../../core/logger.js';
import type { RelayedPair, RelayRefusal, RelayRequest } from '../../../domain/calls/relay-ports.js';
import { decodeBencode, encodeBencode } from './bencode.js';
import { createRtpengineRelay, type RtpengineRelay } from './relay.js';

const sdp = (port: number, formats = '0 101'): string =>
  [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${port} RTP/AVP ${formats}`,
    '',
  ].join('\r\n');
const request = (changes: Partial<RelayRequest['caller']> = {}, age = 0): RelayRequest => {
  const side = { ours: sdp(20_000), codecs: ['PCMU'], idleTimeout: 0 } as const;
  return {
    ...{ sessionId: 's', age },
    caller: { ...side, theirs: sdp(4_000), ...changes },
    destination: { ...side, theirs: sdp(5_000) },
  };
};

/** A stand-in for rtpengine: it knows calls and gives ports, and a test says what else it does. */
type StandIn = {
  readonly port: number;
  readonly name: string;
  readonly commands: string[];
  readonly calls: Set<string>;
  /** Answers of its own instead, by command. */
  readonly instead: Map<string, Parameters<typeof encodeBencode>[0]>;
  close(): void;
};

const standIn = async (): Promise<StandIn> => {
  const socket: Socket = createSocket('udp4');
  const commands: string[] = [];
  const calls = new Set<string>();
  const instead: StandIn['instead'] = new Map();
  const unknown = { result: 'error', 'error-reason': 'Unknown call-id' };
  socket.on('message', (message, from) => {
    const space = message.indexOf(0x20);
    const asked = decodeBencode(message.subarray(space + 1));
    if (typeof asked !== 'object' || !('get' in asked)) return;
    const command = String(asked.get('command'));
    const id = String(asked.get('call-id'));
    if (command !== 'ping') commands.push(command);
    const known = calls.has(id);
    const perform = (): Parameters<typeof encodeBencode>[0] => {
      const other = instead.get(command);
      if (other !== undefined) return other;
      if (command === 'ping') return { result: 'pong' };
      if (command === 'offer') calls.add(id);
      if (command === 'offer' || command === 'answer') {
        return { result: 'ok', sdp: sdp(command === 'offer' ? 30_000 : 30_002) };
      }
      if (command === 'delete') calls.delete(id);
      return known ? { result: 'ok' } : unknown;
    };
    socket.send(`${message.toString('latin1', 0, space)} ${encodeBencode(perform())}`, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  return { port, name: `127.0.0.1:${port}`, commands, calls, instead, close: () => socket.close() };
};

const open: StandIn[] = [];
let relay: RtpengineRelay;
afterEach(() => {
  relay.close();
  for (const one of open.splice(0)) one.close();
});

const setUp = async (count: number): Promise<readonly StandIn[]> => {
  for (let n = 0; n < count; n += 1) open.push(await standIn());
  relay = createRtpengineRelay({
    servers: open.map(({ port }) => ({ host: '127.0.0.1', port })),
    ...{ clock: systemClock, log: silentLogger, lookMs: 20 },
    times: { pingMs: 50, doubtMs: 20, patienceMs: 10_000 },
  });
  await until('an answer of all', () => relay.up() === count, 20_000);
  return [...open];
};

const told: string[] = [];
const events = { lost: (reason: string) => void told.push(reason), silent: (side: string) => void told.push(side) };
afterEach(() => {
  told.length = 0;
});

const opened = async (given = request()): Promise<RelayedPair> => {
  const pair = await relay.open(given, events);
  if ('refused' in pair) throw new Error(pair.reason);
  return pair;
};

const portIn = (text: string): string | undefined => /^m=audio (\d+)/m.exec(text)?.[1];

describe('rtpengine as a relay', () => {
  it('is told of the caller, then of the destination, and says what each is to be told', async () => {
    const [engine] = await setUp(1);
    const pair = await opened();
    expect(pair.relay).toBe(engine?.name);
    await expect(pair.caller.offer()).rejects.toThrow('before there is one');
    expect(portIn(await pair.destination.offer())).toBe('30000');
    await pair.destination.accept(sdp(5_000));
    expect(portIn(await pair.caller.offer())).toBe('30002');
    // An offer that comes while only one side has moved is nobody's but the gateway's.
    expect(await pair.caller.answer(sdp(4_000))).toBeNull();
    await pair.caller.accept(sdp(4_000));
    expect(engine?.commands.filter((name) => name !== 'query')).toEqual(['offer', 'answer']);
    await pair.close();
    expect(engine?.calls.size).toBe(0);
  });

  it('answers what it knows already, and hands back what it cannot do', async () => {
    await setUp(1);
    const pair = await opened();
    await pair.destination.accept(sdp(5_000));
    await pair.caller.accept(sdp(4_000));
    expect(portIn((await pair.caller.answer(sdp(4_000))) ?? '')).toBe('30002');
    expect(portIn((await pair.destination.answer(sdp(5_000))) ?? '')).toBe('30000');
    for (const other of [sdp(4_002), sdp(4_000, '8'), `${sdp(4_000)}a=sendonly\r\n`, 'nonsense']) {
      expect(await pair.caller.answer(other)).toBeNull();
    }
  });

  it('hears of it when a side answers with another address than before', async () => {
    const [engine] = await setUp(1);
    const pair = await opened();
    await pair.destination.accept(sdp(5_000));
    await pair.caller.accept(sdp(4_444));
    expect(engine?.commands.filter((name) => name !== 'query')).toEqual(['offer', 'answer', 'offer', 'answer']);
    await expect(pair.caller.accept(sdp(4_444, '8'))).rejects.toThrow('another codec');
  });

  it('is asked in turn, and passed over when it does not take a call', async () => {
    const [one, two] = await setUp(2);
    const names = [(await opened()).relay, (await opened()).relay];
    expect([...names].sort()).toEqual([one?.name, two?.name].sort());
    one?.instead.set('offer', { result: 'error', 'error-reason': 'Ran out of ports' });
    expect([(await opened()).relay, (await opened()).relay]).toEqual([two?.name, two?.name]);
    two?.instead.set('offer', { result: 'ok', sdp: 'v=0' });
    const refused = (await relay.open(request(), events)) as RelayRefusal;
    expect(refused.refused).toBe('unreachable');
  });

  it.each<[string, Parameters<typeof request>[0]]>([
    ['they have no codec in common', { theirs: sdp(4_000, '8'), codecs: ['PCMA'] }],
    ['the caller has no audio', { theirs: sdp(0) }],
    ['one side speaks IPv4 and the other IPv6', { theirs: sdp(4_000).replace('c=IN IP4 127.0.0.1', 'c=IN IP6 ::1') }],
  ])('is not asked when %s', async (reason, changes) => {
    const [engine] = await setUp(1);
    expect(await relay.open(request(changes), events)).toEqual({ refused: 'unfit', reason });
    expect(engine?.commands).toEqual([]);
  });

  it('is lost to its calls when it has forgotten them', async () => {
    const [engine] = await setUp(1);
    await opened();
    engine?.calls.clear();
    await until('the loss', () => told.length > 0, 20_000);
    expect(told).toEqual(['forgotten']);
  });

  it('is lost to its calls when it is gone, and open to none', async () => {
    const [engine] = await setUp(1);
    await opened();
    open.length = 0;
    engine?.close();
    await until('the loss', () => told.length > 0, 20_000);
    expect(told).toEqual(['unreachable']);
    expect(await relay.open(request(), events)).toEqual({ refused: 'unreachable', reason: 'no rtpengine answers' });
  });

  it('tells which side sends nothing any more, and counts what each has sent', async () => {
    const [engine] = await setUp(1);
    const stream = (packets: number, last: number) => ({
      medias: [{ streams: [{ 'last packet': last, stats: { packets } }] }],
    });
    engine?.instead.set('query', {
      result: 'ok',
      tags: { caller: stream(12, 1), destination: stream(34, Math.floor(Date.now() / 1_000) + 3_600) },
    });
    const pair = await opened(request({ idleTimeout: 30 }));
    await until('the silence', () => told.length > 0, 20_000);
    expect(told[0]).toBe('caller');
    expect(pair.caller.figures()).toEqual({ packetsReceived: 12, packetsSent: 34 });
    expect(pair.destination.figures()).toEqual({ packetsReceived: 34, packetsSent: 12 });
  });
});
