/** Load for the relay bench: telephones that send G.711 packets and measure how long they take to come out again. */
import dgram from 'node:dgram';
import type { GeneratorCommand, GeneratorMessage } from './relay-messages.js';

const packetLength = 172;
const sockets: dgram.Socket[] = [];
const packets: Buffer[] = [];
let targets: readonly number[] = [];
let timer: NodeJS.Timeout | null = null;
let measuring = false;
let sent = 0;
let received = 0;
let delays: number[] = [];
let cpu = process.cpuUsage();

const say = (message: GeneratorMessage): void => {
  process.send?.(message);
};

const open = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) {
    const socket = dgram.createSocket({
      type: 'udp4',
      recvBufferSize: 1_048_576,
      lookup: ((host: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
        done(null, host, 4)) as never,
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    socket.on('message', (message) => {
      // Silence of the relay carries no time of ours.
      if (!measuring || message.length !== packetLength || message[20] !== 0x5a) return;
      received += 1;
      delays.push(performance.now() - message.readDoubleBE(12));
    });
    const packet = Buffer.alloc(packetLength, 0x5a);
    packet[0] = 0x80;
    packet[1] = 0;
    packet.writeUInt32BE(1_000 + i, 8);
    sockets.push(socket);
    packets.push(packet);
  }
  say({ type: 'opened', ports: sockets.map((socket) => socket.address().port) });
};

const sendFrom = (index: number, frame: number): void => {
  const packet = packets[index];
  const socket = sockets[index];
  const target = targets[index];
  if (packet === undefined || socket === undefined || target === undefined) return;
  packet.writeUInt16BE(frame & 0xffff, 2);
  packet.writeUInt32BE((frame * 160) >>> 0, 4);
  packet.writeDoubleBE(performance.now(), 12);
  // The system copies the datagram before send returns, so that one buffer serves a socket for ever.
  socket.send(packet, target, '127.0.0.1');
  if (measuring) sent += 1;
};

const start = (): void => {
  // The sockets are spread over the 20 ms, a group each millisecond, by the clock.
  const begin = performance.now();
  let slot = 0;
  timer = setInterval(() => {
    const due = Math.floor(performance.now() - begin);
    for (; slot <= due; slot += 1) {
      const frame = Math.floor(slot / 20);
      for (let index = slot % 20; index < sockets.length; index += 20) sendFrom(index, frame);
    }
  }, 1);
  say({ type: 'started' });
};

const quantile = (sorted: Float64Array, q: number): number =>
  sorted.length === 0 ? Number.NaN : (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN);

const measure = (): void => {
  sent = 0;
  received = 0;
  delays = [];
  cpu = process.cpuUsage();
  measuring = true;
  say({ type: 'measuring' });
};

const report = (): void => {
  measuring = false;
  const used = process.cpuUsage(cpu);
  const sorted = Float64Array.from(delays).sort();
  say({
    type: 'report',
    report: {
      sent,
      received,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      cpuUs: used.user + used.system,
    },
  });
};

const stop = (): void => {
  if (timer !== null) clearInterval(timer);
  for (const socket of sockets) socket.close();
  process.disconnect();
};

process.on('message', (command: GeneratorCommand) => {
  switch (command.type) {
    case 'open':
      void open(command.sockets);
      break;
    case 'start':
      targets = command.targets;
      start();
      break;
    case 'measure':
      measure();
      break;
    case 'report':
      report();
      break;
    case 'stop':
      stop();
      break;
  }
});
// Without the bench there is nobody to stop the load.
process.on('disconnect', () => process.exit(0));
