/** P6: what a bridged call costs beside the barest program that could answer its packets. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { entryUrl } from '../src/core/entry-path.js';
import { type Bench, type BenchResult, type BenchRow, median, round } from './bench.js';
import type {
  GeneratorCommand,
  GeneratorMessage,
  GeneratorReport,
  SubjectCommand,
  SubjectMessage,
  SubjectMode,
  SubjectReport,
} from './relay-messages.js';

const title = 'Relay: bridged G.711 calls beside a bare dgram echo';
const rounds = 5;
/** Long enough for the compiler to be done with both: forty thousand packets make it so. */
const warmUpMs = 5_000;
const measureMs = 4_000;
/** Sockets of the load; two are a call. 200 are 10,000 packets a second in and as many out. */
const load = 200;
/** Fewer for the heap, so that the young generation holds all of it without a collection. */
const heapLoad = 60;
/** For one and two media threads, which share two processors with the load. */
const scaleLoad = 300;

type Conversation<Command, Message extends { readonly type: string }> = {
  ask<Type extends Message['type']>(command: Command, answer: Type): Promise<Extract<Message, { type: Type }>>;
  end(): Promise<void>;
};

/** A child process of the bench that answers each command with one message. */
const converse = <Command extends object, Message extends { readonly type: string }>(
  entry: string,
  execArgv: readonly string[] = [],
): Conversation<Command, Message> => {
  const child: ChildProcess = fork(fileURLToPath(entryUrl(import.meta.url, entry)), { execArgv: [...execArgv] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    ask(command, answer) {
      return new Promise((resolve, reject) => {
        const onExit = (code: number | null): void => reject(new Error(`${entry} ended with code ${code}`));
        const onMessage = (message: Message): void => {
          if (!isOfType(message, answer)) return;
          child.off('exit', onExit);
          child.off('message', onMessage);
          resolve(message);
        };
        child.once('exit', onExit);
        child.on('message', onMessage);
        child.send(command);
      });
    },
    async end() {
      if (child.connected) child.disconnect();
      const limit = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await exited;
      clearTimeout(limit);
    },
  };
};

const isOfType = <Message extends { readonly type: string }, Type extends Message['type']>(
  message: Message,
  type: Type,
): message is Extract<Message, { type: Type }> => message.type === type;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Round = { readonly subject: SubjectReport; readonly load: GeneratorReport };

const oneRound = async (mode: SubjectMode, sockets: number, workers = 1): Promise<Round> => {
  const generator = converse<GeneratorCommand, GeneratorMessage>('./relay-generator-child.js');
  const subject = converse<SubjectCommand, SubjectMessage>('./relay-subject-child.js', [
    '--expose-gc',
    // A young generation that the whole measurement fits into.
    '--min-semi-space-size=256',
    '--max-semi-space-size=256',
  ]);
  try {
    const { ports: peers } = await generator.ask({ type: 'open', sockets }, 'opened');
    const { ports: targets } = await subject.ask({ type: 'open', mode, peers, workers }, 'opened');
    await generator.ask({ type: 'start', targets }, 'started');
    await wait(warmUpMs);
    await subject.ask({ type: 'measure' }, 'measuring');
    await generator.ask({ type: 'measure' }, 'measuring');
    await wait(measureMs);
    const [theirs, ours] = await Promise.all([
      generator.ask({ type: 'report' }, 'report'),
      subject.ask({ type: 'report' }, 'report'),
    ]);
    return { subject: ours.report, load: theirs.report };
  } finally {
    await Promise.all([generator.end(), subject.end()]);
  }
};

/** Processor time of the subject for one packet in and out, µs. */
const cpuPerPacket = ({ subject, load: { received } }: Round): number => subject.cpuUs / received;
const heapPerPacket = ({ subject, load: { received } }: Round): number =>
  subject.heapBytes === null ? Number.NaN : subject.heapBytes / received;
const lossOf = ({ load: { sent, received } }: Round): number => 1 - received / sent;

const of = (values: readonly Round[], figure: (round: Round) => number): number =>
  median(values.map(figure).filter((value) => !Number.isNaN(value)));

const run = async (log: (line: string) => void): Promise<BenchResult> => {
  const echo: Round[] = [];
  const relay: Round[] = [];
  for (let i = 1; i <= rounds; i += 1) {
    echo.push(await oneRound('echo', load));
    relay.push(await oneRound('relay', load));
    log(
      `round ${i}: echo ${round(cpuPerPacket(echo.at(-1)!), 1)} µs, p99 ${round(echo.at(-1)!.load.p99Ms)} ms; ` +
        `relay ${round(cpuPerPacket(relay.at(-1)!), 1)} µs, p99 ${round(relay.at(-1)!.load.p99Ms)} ms`,
    );
  }
  const echoHeap: Round[] = [];
  const relayHeap: Round[] = [];
  const one: Round[] = [];
  const two: Round[] = [];
  for (let i = 1; i <= rounds; i += 1) {
    echoHeap.push(await oneRound('echo', heapLoad));
    relayHeap.push(await oneRound('relay-inline', heapLoad));
    log(
      `heap round ${i}: echo ${round(heapPerPacket(echoHeap.at(-1)!), 0)} bytes a packet, ` +
        `relay ${round(heapPerPacket(relayHeap.at(-1)!), 0)}`,
    );
  }
  for (let i = 1; i <= rounds; i += 1) {
    one.push(await oneRound('relay', scaleLoad, 1));
    two.push(await oneRound('relay', scaleLoad, 2));
    log(
      `scale round ${i}: one thread busy ${one
        .at(-1)!
        .subject.busy.map((b) => round(b))
        .join(' ')}, ` +
        `two threads busy ${two
          .at(-1)!
          .subject.busy.map((b) => round(b))
          .join(' ')}`,
    );
  }

  const cpuEcho = of(echo, cpuPerPacket);
  const cpuRelay = of(relay, cpuPerPacket);
  const p99Echo = of(echo, (r) => r.load.p99Ms);
  const p99Relay = of(relay, (r) => r.load.p99Ms);
  const heapEcho = of(echoHeap, heapPerPacket);
  const heapRelay = of(relayHeap, heapPerPacket);
  const busiest = (r: Round): number => Math.max(...r.subject.busy);
  const busyOne = of(one, busiest);
  const busyTwo = of(two, busiest);
  const rows: BenchRow[] = [
    {
      what: 'packets for the same processor time (one in, one out)',
      ours: `${round(1e6 / cpuRelay, 0)} packets/s of a core (${round(cpuRelay, 1)} µs each)`,
      compared: `bare echo ${round(1e6 / cpuEcho, 0)} packets/s of a core (${round(cpuEcho, 1)} µs each)`,
      ratio: cpuEcho / cpuRelay,
      goal: '≥ 0.8',
      met: cpuEcho / cpuRelay >= 0.8,
    },
    {
      what: 'p99 delay',
      ours: `${round(p99Relay)} ms (p50 ${round(of(relay, (r) => r.load.p50Ms))} ms)`,
      compared: `bare echo ${round(p99Echo)} ms (p50 ${round(of(echo, (r) => r.load.p50Ms))} ms)`,
      ratio: p99Relay / p99Echo,
      goal: '≤ echo + 2 ms',
      met: p99Relay <= p99Echo + 2,
    },
    {
      what: 'heap per packet',
      ours: `${round(heapRelay, 0)} bytes`,
      compared: `bare echo ${round(heapEcho, 0)} bytes`,
      ratio: heapRelay / heapEcho,
      goal: '≤ 1.05',
      met: heapRelay <= heapEcho * 1.05,
    },
    {
      what: 'share of time the busiest media thread is busy, two threads beside one',
      ours: `${round(busyTwo * 100, 0)} %`,
      compared: `${round(busyOne * 100, 0)} % with one thread`,
      ratio: busyTwo / busyOne,
      goal: '≤ 0.6',
      met: busyTwo / busyOne <= 0.6,
    },
    {
      what: 'packets lost',
      ours: `${round(of(relay, lossOf) * 100, 3)} %`,
      compared: `bare echo ${round(of(echo, lossOf) * 100, 3)} %`,
      ratio: null,
      goal: 'none',
      met: of(relay, lossOf) < 0.0005,
    },
  ];
  return {
    id: 'P6',
    title,
    rows,
    notes: [
      `${load / 2} calls of 2 × 50 packets/s on one media thread, ${rounds} rounds of ${measureMs / 1000} s after ${warmUpMs / 1000} s of warm-up, alternating; medians.`,
      `The echo is one thread with ${load} sockets that send every datagram back; the load is a process of its own on the same machine.`,
      `Heap: ${heapLoad} sockets for ${measureMs / 1000} s with a young generation large enough that nothing was collected; the relay's legs run on the measured thread.`,
      `Two threads against one: ${scaleLoad / 2} calls.`,
    ],
  };
};

export const relayBench: Bench = { name: 'relay', id: 'P6', title, run };
