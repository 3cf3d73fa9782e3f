import { createSocket } from 'node:dgram';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';

export type RawMessage = {
  readonly text: string;
  readonly method: string | null;
  readonly status: number | null;
  /** All lines of a header, as received. */
  lines(name: string): readonly string[];
};

export type RawPeer = {
  readonly port: number;
  readonly received: readonly RawMessage[];
  /** To where the last message came from. */
  send(text: string): void;
  sendTo(address: string, text: string): void;
  /** Resolves with the first message that satisfies the test, received already or later. */
  until(what: (message: RawMessage) => boolean): Promise<RawMessage>;
  /** Forgets what was received. */
  forget(): void;
  close(): void;
};

const parse = (text: string): RawMessage => ({
  text,
  method: /^([A-Z]+) \S+ SIP\/2\.0/.exec(text)?.[1] ?? null,
  status: Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? Number.NaN) || null,
  lines: (name) => text.split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)),
});

type Inbox = Pick<RawPeer, 'until'> & { readonly received: RawMessage[]; put(message: RawMessage): void };

const createInbox = (): Inbox => {
  const received: RawMessage[] = [];
  const waiting: { what: (message: RawMessage) => boolean; resolve: (message: RawMessage) => void }[] = [];
  return {
    received,
    until: (what) => {
      const found = received.find(what);
      return found === undefined ? new Promise((resolve) => waiting.push({ what, resolve })) : Promise.resolve(found);
    },
    put(message) {
      received.push(message);
      for (const waiter of [...waiting]) {
        if (!waiter.what(message)) continue;
        waiting.splice(waiting.indexOf(waiter), 1);
        waiter.resolve(message);
      }
    },
  };
};

/** A SIP peer over UDP that says exactly what a test wants, when it wants it. */
export const startRawPeer = async (
  onMessage: (message: RawMessage, peer: RawPeer) => void = () => {},
  address = '127.0.0.1',
): Promise<RawPeer> => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  const { received, until, put } = createInbox();
  let last = { address: '127.0.0.1', port: 9 };
  const peer: RawPeer = {
    port: socket.address().port,
    received,
    send: (text) => socket.send(text.replace(/\r?\n/g, '\r\n'), last.port, last.address),
    sendTo: (target, text) => {
      const [host = '', port = ''] = target.split(':');
      socket.send(text, Number(port), host);
    },
    until,
    forget: () => {
      received.length = 0;
    },
    close: () => socket.close(),
  };
  socket.on('message', (datagram, remote) => {
    last = remote;
    const message = parse(datagram.toString());
    put(message);
    onMessage(message, peer);
  });
  return peer;
};

export type RawTlsPeer = Pick<RawPeer, 'received' | 'until' | 'close'> & { send(text: string): void };

/**
 * A SIP peer on one TLS connection of its own making, from this address of loopback. `ca`: PEM that the certificate of
 * 127.0.0.1 is checked against. Rejects when no connection comes about.
 */
export const connectRawTls = (port: number, ca: string, localAddress: string): Promise<RawTlsPeer> => {
  const inbox = createInbox();
  let unread = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const below = connectTcp({ host: '127.0.0.1', port, localAddress }).on('error', reject);
    const socket = connect({ socket: below, host: '127.0.0.1', ca }, () =>
      resolve({
        received: inbox.received,
        until: inbox.until,
        send: (text) => socket.write(text.replace(/\r?\n/g, '\r\n')),
        close: () => socket.destroy(),
      }),
    );
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      for (;;) {
        const head = unread.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = Number(/^Content-Length: *(\d+)/im.exec(unread.toString('latin1', 0, head))?.[1] ?? 0);
        if (unread.length < head + 4 + length) return;
        inbox.put(parse(unread.toString('utf8', 0, head + 4 + length)));
        unread = unread.subarray(head + 4 + length);
      }
    });
  });
};

/** An answer to a request, with its Via, From, To (tagged), Call-ID and CSeq. */
export const rawReply = (
  request: RawMessage,
  status: string,
  options: { readonly headers?: string; readonly body?: string; readonly via?: string; readonly tag?: string } = {},
): string => {
  const body = options.body ?? '';
  const via = request.lines('Via').map((line, index) => (index === 0 ? `${line}${options.via ?? ''}` : line));
  const to = request.lines('To').map((line) => (line.includes('tag=') ? line : `${line};tag=${options.tag ?? 'raw'}`));
  return [
    `SIP/2.0 ${status}`,
    ...via,
    ...request.lines('From'),
    ...to,
    ...request.lines('Call-ID'),
    ...request.lines('CSeq'),
    ...(options.headers === undefined ? [] : [options.headers]),
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
};
