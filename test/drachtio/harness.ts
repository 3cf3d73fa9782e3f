import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import Srf from 'drachtio-srf';
import { FrameReader, frame, maxFrameBytes } from '../../src/telephony/sip-engine/drachtio/frames.js';
import { type Engine, type EngineOptions, startEngine } from '../../src/telephony/sip-engine/index.js';
import type { ParsedSip, SipRequest, SipResponse } from '../../src/telephony/sip-engine/message.js';
import { parseSip } from '../../src/telephony/sip-engine/parser.js';

export type Target = { host: string; adminPort: number; secret: string; sipHost: string; sipPort: number };

/** The drachtio-server to test instead of the embedded engine: `host:port:secret:sipaddress[:sipport]`. */
export const externalServer = (): Target | undefined => {
  const text = process.env.TEST_DRACHTIO;
  if (text === undefined || text === '') return undefined;
  const [host = '', port = '9022', secret = 'cymru', sipHost = '', sipPort = '5060'] = text.split(':');
  return { host, adminPort: Number(port), secret, sipHost, sipPort: Number(sipPort) };
};

/** An embedded engine on free ports. */
export const startTarget = async (
  options: Partial<EngineOptions> = {},
): Promise<{ engine: Engine; target: Target }> => {
  const engine = await startEngine({
    listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
    admin: { host: '127.0.0.1', port: 0, secret: 'cymru' },
    ...options,
  });
  const sipPort = engine.listen[0]?.port ?? 0;
  const target = { host: '127.0.0.1', adminPort: engine.adminPort, secret: 'cymru', sipHost: '127.0.0.1', sipPort };
  return { engine, target };
};

/** Something arriving later: values are kept until asked for. */
class Inbox<T> {
  readonly #values: T[] = [];
  readonly #waiting: { fits: (value: T) => boolean; take: (value: T) => void }[] = [];

  put(value: T): void {
    const at = this.#waiting.findIndex((w) => w.fits(value));
    if (at < 0) this.#values.push(value);
    else this.#waiting.splice(at, 1)[0]?.take(value);
  }

  /** The first value, past or future, that fits; rejects with what came instead. */
  next(fits: (value: T) => boolean, what: string, show: (value: T) => string, timeout = 5_000): Promise<T> {
    const at = this.#values.findIndex(fits);
    if (at >= 0) return Promise.resolve(this.#values.splice(at, 1)[0] as T);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(`no ${what} within ${timeout} ms; got instead: ${this.#values.map(show).join('; ') || 'nothing'}`),
        );
      }, timeout);
      this.#waiting.push({
        fits,
        take: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
      });
    });
  }

  get unread(): readonly T[] {
    return this.#values;
  }
}

type Received = { parsed: ParsedSip; at: number };
const startLine = ({ parsed }: Received): string =>
  parsed.message.kind === 'request' ? parsed.message.method : `${parsed.message.status} (${parsed.cseq.method})`;

/** A SIP peer of one UDP socket that does only what the test tells it. */
export class SipPeer {
  readonly #socket: UdpSocket;
  readonly #inbox = new Inbox<Received>();
  readonly #target: Target;
  #calls = 0;

  constructor(socket: UdpSocket, target: Target) {
    this.#socket = socket;
    this.#target = target;
    socket.on('message', (bytes) => {
      const result = parseSip(bytes);
      if (result.ok) this.#inbox.put({ parsed: result.parsed, at: Date.now() });
    });
  }

  static async open(target: Target): Promise<SipPeer> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new SipPeer(socket, target);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get unread(): string[] {
    return this.#inbox.unread.map(startLine);
  }

  close(): void {
    this.#socket.close();
  }

  sendText(text: string | Buffer): void {
    this.#socket.send(text, this.#target.sipPort, this.#target.sipHost);
  }

  /** Sends a request outside of a dialog and returns what identifies it. */
  request(method: string, options: RequestOptions = {}): SentRequest {
    const callId = options.callId ?? `${++this.#calls}-${this.port}-${Date.now()}@test`;
    const fromTag = options.fromTag ?? `from${this.#calls}`;
    const cseq = options.cseq ?? 1;
    const branch = options.branch ?? `z9hG4bK${Math.random().toString(36).slice(2)}`;
    const body = options.body ?? '';
    const contact = method === 'ACK' || method === 'CANCEL' ? '' : `Contact: <sip:peer@127.0.0.1:${this.port}>\r\n`;
    const uri = options.uri ?? `sip:service@${this.#target.sipHost}:${this.#target.sipPort}`;
    const head =
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch};rport\r\n` +
      `From: <sip:peer@127.0.0.1:${this.port}>;tag=${fromTag}\r\n` +
      `To: <sip:service@127.0.0.1>${options.toTag ? `;tag=${options.toTag}` : ''}\r\n` +
      `Call-ID: ${callId}\r\nCSeq: ${cseq} ${options.cseqMethod ?? method}\r\nMax-Forwards: ${options.maxForwards ?? 70}\r\n` +
      `${contact}${(options.headers ?? []).map((h) => `${h}\r\n`).join('')}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const text = Buffer.concat([Buffer.from(head), Buffer.from(body)]);
    this.sendText(text);
    return { method, callId, fromTag, cseq, branch, uri, text };
  }

  /** Sends a response to a request received, its headers copied; `tag` goes into To when it has none. */
  respond(
    request: ParsedSip<SipRequest>,
    status: number,
    options: { tag?: string; headers?: string[]; body?: string } = {},
  ): void {
    const body = options.body ?? '';
    const copied = request.message.headers
      .filter((h) => ['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Record-Route'].includes(h.name))
      .map((h) => {
        const tag = h.name === 'To' && request.toTag === '' && options.tag ? `;tag=${options.tag}` : '';
        return `${h.name}: ${h.value}${tag}\r\n`;
      })
      .join('');
    const contact = status > 100 && status < 300 ? `Contact: <sip:peer@127.0.0.1:${this.port}>\r\n` : '';
    const type = body === '' ? '' : 'Content-Type: application/sdp\r\n';
    this.sendText(
      `SIP/2.0 ${status} Whatever\r\n${copied}${contact}${type}${(options.headers ?? []).map((h) => `${h}\r\n`).join('')}` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  async nextRequest(method: string, timeout?: number): Promise<ParsedSip<SipRequest>> {
    const fits = ({ parsed }: Received): boolean =>
      parsed.message.kind === 'request' && parsed.message.method === method;
    return (await this.#inbox.next(fits, method, startLine, timeout)).parsed as ParsedSip<SipRequest>;
  }

  async nextResponse(status: number, cseqMethod?: string, timeout?: number): Promise<ParsedSip<SipResponse>> {
    const fits = ({ parsed }: Received): boolean =>
      parsed.message.kind === 'response' &&
      parsed.message.status === status &&
      (cseqMethod === undefined || parsed.cseq.method === cseqMethod);
    const what = `${status} (${cseqMethod ?? 'any'})`;
    return (await this.#inbox.next(fits, what, startLine, timeout)).parsed as ParsedSip<SipResponse>;
  }
}

type RequestOptions = {
  callId?: string;
  fromTag?: string;
  toTag?: string;
  cseq?: number;
  cseqMethod?: string;
  branch?: string;
  uri?: string;
  headers?: string[];
  body?: string | Buffer;
  maxForwards?: number;
};

export type SentRequest = {
  method: string;
  callId: string;
  fromTag: string;
  cseq: number;
  branch: string;
  uri: string;
  text: Buffer;
};

export type AdminMessage = { leader: string[]; sip: string; bytes: Buffer };

/** An application of the admin protocol, frame by frame. */
export class AdminClient {
  readonly socket: Socket;
  readonly #inbox = new Inbox<AdminMessage>();
  readonly closed: Promise<void>;
  #next = 1;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader();
    reader.limit = maxFrameBytes;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      reader.push(chunk, (payload) => {
        const end = payload.indexOf('\r\n');
        const leader = payload.toString('utf8', 0, end < 0 ? payload.length : end).split('|');
        const bytes = end < 0 ? Buffer.alloc(0) : Buffer.from(payload.subarray(end + 2));
        this.#inbox.put({ leader, sip: bytes.toString(), bytes });
      });
    });
    this.closed = once(socket, 'close').then(() => undefined);
  }

  static async connect(
    target: Target,
    options: { verbs?: string[]; tags?: string; authenticate?: boolean } = {},
  ): Promise<AdminClient> {
    const socket = connect(target.adminPort, target.host);
    await once(socket, 'connect');
    const client = new AdminClient(socket);
    if (options.authenticate !== false) {
      await client.answer(client.command(`authenticate|${target.secret}|${options.tags ?? ''}`));
    }
    for (const verb of options.verbs ?? []) await client.answer(client.command(`route|${verb}`));
    return client;
  }

  /** Sends a command and returns its frame id. */
  command(body: string, sip?: string | Buffer): string {
    const id = `00000000-0000-4000-8000-${String(this.#next++).padStart(12, '0')}`;
    this.socket.write(frame(`${id}|${body}`, sip === undefined ? undefined : Buffer.from(sip)));
    return id;
  }

  /** The answer to a command: its tokens from OK, NO or NOK on. */
  async answer(id: string, timeout?: number): Promise<{ tokens: string[]; sip: string }> {
    const found = await this.#inbox.next(
      ({ leader }) => leader[1] === 'response' && leader[2] === id,
      `answer to ${id}`,
      ({ leader }) => leader.join('|'),
      timeout,
    );
    return { tokens: found.leader.slice(3), sip: found.sip };
  }

  /** A SIP message handed to the application whose start line begins with `start`. */
  sip(start: string, timeout?: number): Promise<AdminMessage> {
    return this.#inbox.next(
      ({ leader, sip }) => leader[1] === 'sip' && sip.startsWith(start),
      start,
      ({ leader, sip }) => `${leader.slice(1, 3).join('|')} ${sip.split('\r\n')[0]}`,
      timeout,
    );
  }

  cdr(verb: string): Promise<AdminMessage> {
    return this.#inbox.next(
      ({ leader }) => leader[1] === verb,
      verb,
      ({ leader }) => leader.join('|'),
    );
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A connected drachtio-srf application. */
export const connectApp = async (target: Target, tags?: string[]): Promise<Srf> => {
  const srf = tags ? new Srf(tags) : new Srf();
  srf.on('error', () => undefined);
  srf.connect({ host: target.host, port: target.adminPort, secret: target.secret });
  await once(srf, 'connect');
  return srf;
};

/** Value of a header in SIP text. */
export const headerOf = (sip: string, name: string): string | undefined =>
  new RegExp(`^${name}\\s*:\\s*(.*)\\r$`, 'im').exec(sip)?.[1];

export const sdp = (port = 30000): string =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n`;
