import { field, responseTo } from './compose.js';
import { DialogTable } from './dialogs/dialog-table.js';
import { type AdminConnections, createAdminConnections, listenForApplications } from './drachtio/admin-server.js';
import type { Owner } from './drachtio/application.js';
import { CdrReporter } from './drachtio/cdr.js';
import { OutboundRouting } from './drachtio/outbound.js';
import { ApplicationRegistry } from './drachtio/registry.js';
import { realClock } from './engine-clock.js';
import { parseVia } from './header-values.js';
import { splitList } from './headers.js';
import { newTag } from './identifiers.js';
import { parseLeniently } from './lenient.js';
import type { ParsedSip, SipMessage, SipRequest, SipResponse } from './message.js';
import { defaultLimits, type EngineOptions, type TlsMaterial } from './options.js';
import { watchOrphans } from './orphans.js';
import { watchLag } from './overload.js';
import { ProxyCore } from './proxy/proxy-core.js';
import { serialize } from './serializer.js';
import { shortLines } from './short-lines.js';
import { tapped } from './tap.js';
import { TransactionTable } from './transactions/table.js';
import type { Flow, ListenPoint, TransportLayer } from './transport.js';
import { openTransportLayer } from './transports/layer.js';
import type { EngineContext } from './user-agent/context.js';
import { Identity } from './user-agent/identity.js';
import { createNextHop } from './user-agent/next-hop.js';
import { UserAgentClient } from './user-agent/user-agent-client.js';
import { type Routing, UserAgentServer } from './user-agent/user-agent-server.js';
import { responseRoute } from './via-route.js';

export type EngineStats = {
  serverTransactions: number;
  clientTransactions: number;
  dialogs: number;
  applications: number;
  /** Requests refused because the engine was over its limits. */
  overloaded: number;
  /** Messages dropped because they could not be parsed, by reason. */
  invalid: Record<string, number>;
};

export type Engine = {
  /** Listening points with the ports really bound. */
  readonly listen: readonly ListenPoint[];
  readonly adminPort: number;
  stats(): EngineStats;
  /** Takes other certificates for the TLS connections to come. Throws when they are none; then those before stay. */
  renewTls(material: TlsMaterial): void;
  close(): Promise<void>;
};

/** Answered transactions stay for 32 s; so many times `maxTransactions` of them may, or memory has no bound. */
const lingering = 10;
/** Reasons are few, but they come from outside. */
const maxInvalidReasons = 100;

/**
 * Starts a drachtio-compatible SIP server in this thread.
 * @throws Error with one sentence when a port is taken or an address is not of this machine.
 */
export const startEngine = async (options: EngineOptions): Promise<Engine> => {
  const clock = options.clock ?? realClock;
  const limits = { ...defaultLimits, ...options.limits };
  const log = shortLines(options.log ?? (() => undefined));
  const invalid: Record<string, number> = {};
  let overloaded = 0;
  let closing = false;
  const orphanTimers = new Set<{ cancel(): void }>();
  let opened: TransportLayer | undefined;
  const transport = (): TransportLayer => {
    if (!opened) throw new Error('the engine is not open yet');
    return opened;
  };

  const lag = watchLag(clock);
  const nextHop = createNextHop(options, transport);
  const dialogs = new DialogTable();
  const identity = new Identity(options, transport);
  const applications: ApplicationRegistry = new ApplicationRegistry((owner) => hasDialogs(owner));
  const hasDialogs = (owner: Owner): boolean => {
    for (const dialog of dialogs.values()) if (dialog.owner === owner) return true;
    return false;
  };
  const transactions: TransactionTable = new TransactionTable({
    clock,
    transport,
    user: {
      onRequest: (transaction) => server.onRequest(transaction),
      onCancel: (cancel, invite) => server.onCancel(cancel, invite),
      onAck: (ack, flow) => server.onAck(ack, flow),
    },
  });
  const ctx: EngineContext = {
    options,
    clock,
    transport,
    transactions,
    dialogs,
    identity,
    applications,
    cdr: new CdrReporter(() => applications, clock),
    log,
    resolve: (uri) => nextHop.resolve(uri),
  };
  const client = new UserAgentClient(ctx);
  const proxy = new ProxyCore(ctx);
  const outbound = new OutboundRouting({
    handlers: options.requestHandlers ?? [],
    applications,
    log,
    connections: () => admin,
  });
  const startProxy: Routing['startProxy'] = (incoming, command) => {
    proxy.start(incoming.owner, '', { ...command, transactionId: incoming.id }, incoming);
  };
  const server: UserAgentServer = new UserAgentServer(
    ctx,
    () => proxy,
    (transaction) => client.adoptNotify(transaction),
    options.requestHandlers && options.requestHandlers.length > 0 ? { outbound, startProxy } : undefined,
  );

  /** Answers without making a transaction: what is refused must not cost memory. */
  const answerStateless = (request: ParsedSip<SipRequest>, flow: Flow, status: number, retryAfter?: string): void => {
    const headers = retryAfter === undefined ? [] : [{ name: 'Retry-After', value: retryAfter }];
    const route = responseRoute(request.via, flow);
    const bytes = serialize(responseTo(request, status, { toTag: newTag(), headers }));
    transport().sendOn(route.flow, bytes, route.fallback);
  };

  const isFull = (): boolean =>
    transactions.unansweredCount >= limits.maxTransactions ||
    transactions.serverCount >= lingering * limits.maxTransactions;

  const onMessage = (parsed: ParsedSip, flow: Flow): void => {
    if (parsed.message.kind === 'response') {
      transactions.receiveResponse(parsed as ParsedSip<SipResponse>, flow);
      return;
    }
    const request = parsed as ParsedSip<SipRequest>;
    const { method } = request.message;
    const newWork = request.toTag === '' && method !== 'ACK' && method !== 'CANCEL';
    if (newWork && (isFull() || lag.behind())) {
      if (!transactions.knows(request)) {
        overloaded += 1;
        answerStateless(request, flow, 503, '5');
        return;
      }
    }
    transactions.receiveRequest(request, flow);
  };

  const answerInvalid = (partial: SipMessage, status: number, reason: string, flow: Flow): void => {
    const via = splitList(field(partial, 'Via') ?? '')[0];
    const route = responseRoute(via === undefined ? undefined : parseVia(via), flow);
    const copied = new Set(['Via', 'From', 'To', 'Call-ID', 'CSeq']);
    const bytes = serialize({
      kind: 'response',
      status,
      reason: status === 400 ? `Bad Request - ${reason}` : reason,
      headers: partial.headers.filter((header) => copied.has(header.name)),
      body: Buffer.alloc(0),
    });
    transport().sendOn(route.flow, bytes, route.fallback);
  };

  const watched = tapped(options.tap, clock);
  try {
    opened = watched.layer(
      await openTransportLayer(
        { listen: options.listen, limits, clock, log, ...(options.tls ? { tls: options.tls } : {}) },
        {
          onMessage: (parsed, flow, raw) => {
            watched.received(parsed, flow, raw);
            onMessage(parsed, flow);
          },
          onInvalid: (fault, flow, raw) => {
            const framing = flow.transport === 'udp' ? 'datagram' : 'stream';
            const repaired = parseLeniently(raw, { framing, limits });
            if (repaired) {
              watched.received(repaired, flow, raw);
              onMessage(repaired, flow);
              return;
            }
            if (fault.reason in invalid || Object.keys(invalid).length < maxInvalidReasons) {
              invalid[fault.reason] = (invalid[fault.reason] ?? 0) + 1;
            }
            log('info', { reason: fault.reason, remote: flow.remoteAddress }, 'invalid SIP message');
            if (fault.status !== undefined && fault.partial) {
              answerInvalid(fault.partial, fault.status, fault.reason, flow);
            }
          },
          onFlowError: (flow, failure) => transactions.flowError(flow, failure),
          inUse: () => {
            const used = new Set<number>();
            for (const { flow } of dialogs.values()) if (flow.connectionId !== undefined) used.add(flow.connectionId);
            return used;
          },
        },
      ),
    );
  } catch (error) {
    lag.stop();
    server.close();
    throw portError(error, options.listen);
  }

  const admin: AdminConnections = createAdminConnections({
    secret: options.admin.secret,
    applications,
    log,
    onAuthenticated: (socket, application) => outbound.onAuthenticated(socket, application),
    handlers: {
      hostports: () => identity.hostports(),
      onSip: (owner, commandId, names, message) => {
        if (message.start.kind === 'response') server.respond(owner, commandId, names.transactionId, message);
        else client.send(owner, commandId, names, message);
      },
      onProxy: (owner, commandId, command) => {
        proxy.start(owner, commandId, command, server.byId(command.transactionId));
      },
      onGone: (owners) => {
        if (closing) return;
        if (options.forgetDialogs === true) {
          for (const owner of owners) applications.forget(owner);
          return;
        }
        server.onApplicationGone(owners);
        client.onApplicationGone(owners);
        const timer = watchOrphans(ctx, owners, () => orphanTimers.delete(timer));
        orphanTimers.add(timer);
      },
    },
  });
  let listening: Awaited<ReturnType<typeof listenForApplications>>;
  try {
    listening = await listenForApplications(options.admin.host, options.admin.port, admin);
  } catch (error) {
    lag.stop();
    server.close();
    await transport().close();
    const place = `${options.admin.host}:${options.admin.port}`;
    throw new Error(`admin port ${place} cannot be opened: ${text(error)}`, { cause: error });
  }

  return {
    listen: transport().local,
    adminPort: listening.port,
    stats: () => ({
      serverTransactions: transactions.serverCount,
      clientTransactions: transactions.clientCount,
      dialogs: dialogs.size,
      applications: applications.count,
      overloaded,
      invalid: { ...invalid },
    }),
    renewTls: (material) => transport().renewTls(material),
    close: async () => {
      closing = true;
      for (const timer of orphanTimers) timer.cancel();
      lag.stop();
      nextHop.close();
      server.close();
      outbound.close();
      await listening.close();
      for (const dialog of [...dialogs.values()]) dialog.terminate();
      transactions.close();
      await transport().close();
    },
  };
};

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The system's error as one sentence that names the listening point. */
const portError = (error: unknown, points: readonly ListenPoint[]): Error => {
  const system = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const point = points.find((p) => p.address === system.address && p.port === system.port) ?? points[0];
  const name = point ? `${point.transport}:${point.address}:${point.port}` : 'no listening point';
  if (system.code === 'EADDRINUSE') {
    return new Error(`SIP port ${name} is in use by another process: EADDRINUSE`, { cause: error });
  }
  if (system.code === 'EADDRNOTAVAIL') {
    return new Error(`SIP address ${name} is not an address of this machine: EADDRNOTAVAIL`, { cause: error });
  }
  return new Error(`SIP port ${name} cannot be opened: ${text(error)}`, { cause: error });
};
