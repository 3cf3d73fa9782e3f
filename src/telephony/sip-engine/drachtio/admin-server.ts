import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { EngineLog } from '../user-agent/context.js';
import type { AppMessage } from './app-message.js';
import { Application, type Owner } from './application.js';
import { type Command, type ProxyCommand, parseCommand } from './commands.js';
import { answerLeader } from './deliveries.js';
import { FrameError, FrameReader, frame, maxFrameBytes } from './frames.js';
import type { ApplicationRegistry } from './registry.js';

/** What the engine does for applications. */
export type AdminHandlers = {
  hostports(): { shown: string; local: string };
  onSip(
    owner: Owner,
    commandId: string,
    names: { transactionId: string; dialogId: string; routeUrl: string },
    message: AppMessage,
  ): void;
  onProxy(owner: Owner, commandId: string, command: ProxyCommand): void;
  onGone(owners: readonly Owner[]): void;
};

/** The version told to clients; they decide by it which commands (ping) the server knows. */
export const serverVersion = 'v0.9.10-embedded';

const maxConnections = 200;
/** A connection that has not authenticated within this is closed, ms. */
const authenticationTimeout = 10_000;

const sameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

export type AdminConnections = { accept(socket: Socket): void };

/** Serves admin connections, whoever opened them: the commands of drachtio's protocol. */
export const createAdminConnections = (options: {
  secret: string;
  applications: ApplicationRegistry;
  handlers: AdminHandlers;
  log: EngineLog;
  onAuthenticated?: (socket: Socket, application: Application) => void;
}): AdminConnections => {
  const { applications, handlers, log } = options;
  let nextId = 1;

  const accept = (socket: Socket): void => {
    const reader = new FrameReader();
    let application: Application | undefined;
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    const patience = setTimeout(() => socket.destroy(), authenticationTimeout);

    const refuse = (commandId: string, sentence: string): void => {
      socket.end(frame(answerLeader(commandId, 'NO', sentence)));
      log('warn', { remote: socket.remoteAddress, sentence }, 'admin connection refused');
    };

    const authenticate = (command: Extract<Command, { kind: 'authenticate' }>): void => {
      if (!sameSecret(command.secret, options.secret)) {
        refuse(command.id, 'incorrect secret');
        return;
      }
      clearTimeout(patience);
      reader.limit = maxFrameBytes;
      const { shown, local } = handlers.hostports();
      if (application) {
        application.answer(command.id, `OK|${shown}|${serverVersion}|${local}`);
        return;
      }
      application = new Application(nextId++, socket, command.tags);
      application.answer(command.id, `OK|${shown}|${serverVersion}|${local}`);
      applications.add(application);
      options.onAuthenticated?.(socket, application);
    };

    const onCommand = (command: Command): void => {
      if (command.kind === 'authenticate') {
        authenticate(command);
        return;
      }
      if (!application) {
        refuse(command.id, 'not authenticated');
        return;
      }
      switch (command.kind) {
        case 'ping':
          application.answer(command.id, 'OK|pong');
          return;
        case 'route':
          applications.register(application, command.verb);
          application.answer(command.id, 'OK');
          return;
        case 'remove_route':
          applications.unregister(application, command.verb);
          application.answer(command.id, 'OK');
          return;
        case 'sip':
        case 'proxy': {
          const owner = applications.ownerOf(application);
          if (!owner) return;
          if (command.kind === 'sip') handlers.onSip(owner, command.id, command, command.message);
          else handlers.onProxy(owner, command.id, command.proxy);
          return;
        }
        case 'invalid':
          if (command.fatal) {
            application.flush();
            refuse(command.id, command.sentence);
          } else application.answer(command.id, `NOK|${command.sentence}`);
          return;
      }
    };

    socket.on('data', (chunk) => {
      try {
        reader.push(chunk, (payload) => {
          if (!socket.writableEnded) onCommand(parseCommand(payload));
        });
      } catch (error) {
        const sentence = error instanceof Error ? error.message : String(error);
        if (error instanceof FrameError) log('warn', { remote: socket.remoteAddress, sentence }, 'admin framing lost');
        else log('error', { remote: socket.remoteAddress, sentence }, 'admin command failed');
        socket.destroy();
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(patience);
      if (application) handlers.onGone(applications.remove(application));
      application = undefined;
    });
  };

  return { accept };
};

/** Listens for applications. Rejects with the system's error when the port is taken. */
export const listenForApplications = async (
  host: string,
  port: number,
  connections: AdminConnections,
): Promise<{ port: number; close(): Promise<void> }> => {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    if (sockets.size >= maxConnections) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    connections.accept(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};
