/** The reverse proxy of docs/guides/livekit-sip-api.md: three methods go to the gateway, everything else to livekit-server. */
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

const ours = new Set([
  '/twirp/livekit.SIP/TransferSIPParticipant',
  '/twirp/livekit.SIP/CreateSIPParticipant',
  '/twirp/livekit.RoomService/MoveParticipant',
]);

export type LiveKitProxy = {
  /** What LIVEKIT_URL is for an agent. */
  readonly url: string;
  readonly httpUrl: string;
  close(): Promise<void>;
};

export const startLiveKitProxy = async (options: {
  readonly gateway: string;
  readonly livekit: string;
}): Promise<LiveKitProxy> => {
  const targetOf = ({ url = '' }: IncomingMessage): URL =>
    new URL(ours.has(url.split('?', 1)[0] ?? '') ? options.gateway : options.livekit.replace(/^ws/, 'http'));
  const server = createServer((incoming, outgoing) => {
    const { hostname, port } = targetOf(incoming);
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  // A client must not find a connection closed that it thinks it can use again.
  server.keepAliveTimeout = 60_000;
  server.on('upgrade', (incoming, socket, head) => {
    const { hostname, port } = targetOf(incoming);
    const onward = connect(Number(port), hostname, () => {
      const lines = incoming.rawHeaders.flatMap((name, at) =>
        at % 2 === 0 ? [`${name}: ${incoming.rawHeaders[at + 1]}`] : [],
      );
      onward.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    const end = (): void => {
      socket.destroy();
      onward.destroy();
    };
    onward.on('error', end).on('close', end);
    socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    httpUrl: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
