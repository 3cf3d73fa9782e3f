import { createSocket } from 'node:dgram';

/** Records by `name TYPE`; a name with no entry does not exist, one with an empty list has no such record. */
export type Zone = Record<string, DnsRecord[] | 'SERVFAIL' | 'silent'>;

export type DnsRecord =
  | { type: 'A'; address: string; ttl?: number }
  | { type: 'AAAA'; groups: number[]; ttl?: number }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
  | { type: 'NAPTR'; order: number; preference: number; flags: string; service: string; replacement: string };

export type DnsServer = {
  /** `address:port`, as resolvers take it. */
  address: string;
  /** Every question asked, as `name TYPE`. */
  questions: string[];
  zone: Zone;
  close(): Promise<void>;
};

const typeNames: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV', 35: 'NAPTR' };
const typeNumbers: Readonly<Record<string, number>> = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 };

const u16 = (...values: number[]): Buffer => Buffer.from(values.flatMap((v) => [v >> 8, v & 255]));
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const name = (value: string): Buffer =>
  Buffer.concat([
    ...value
      .split('.')
      .filter((label) => label !== '')
      .map(text),
    Buffer.from([0]),
  ]);

const data = (record: DnsRecord): Buffer => {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.address.split('.').map(Number));
    case 'AAAA':
      return u16(...record.groups);
    case 'SRV':
      return Buffer.concat([u16(record.priority, record.weight, record.port), name(record.target)]);
    case 'NAPTR':
      return Buffer.concat([
        u16(record.order, record.preference),
        text(record.flags),
        text(record.service),
        text(''),
        name(record.replacement),
      ]);
  }
};

const answer = (record: DnsRecord): Buffer => {
  const bytes = data(record);
  const ttl = 'ttl' in record && record.ttl !== undefined ? record.ttl : 60;
  // 0xc00c points to the name of the question.
  return Buffer.concat([u16(0xc00c, typeNumbers[record.type] ?? 0, 1, 0, ttl, bytes.length), bytes]);
};

/** Starts a name server on 127.0.0.1 that answers from a zone which tests may change at any time. */
export const startDnsServer = async (zone: Zone): Promise<DnsServer> => {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const key = `${labels.join('.').toLowerCase()} ${typeNames[query.readUInt16BE(at + 1)] ?? '?'}`;
    questions.push(key);
    const entry = zone[key];
    if (entry === 'silent') return;
    const host = key.split(' ')[0] ?? '';
    const exists = Object.keys(zone).some((other) => other.startsWith(`${host} `));
    const records = Array.isArray(entry) ? entry : [];
    const code = entry === 'SERVFAIL' ? 2 : exists ? 0 : 3;
    const head = Buffer.concat([query.subarray(0, 2), u16(0x8580 | code, 1, records.length, 0, 0)]);
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...records.map(answer)]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    zone,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
};
