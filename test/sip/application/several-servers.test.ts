import { afterEach, describe, expect, it } from 'vitest';
import type { Dialog } from '../../../src/domain/calls/ports.js';
import { parseIpRange } from '../../../src/telephony/sip/index.js';
import type { Engine } from '../../../src/telephony/sip-engine/index.js';
import { type CuttableWay, cuttableWay } from '../../support/cuttable-way.js';
import { freePort } from '../../support/ports.js';
import { type Application, sipAddressOf, startForgetfulEngine, startOnServers } from '../../support/several-servers.js';
import { ANSWER_SDP, outgoing, type RecordedEvents, recordEvents } from '../../support/sip-application.js';
import { ringingOnly, startLine } from '../../support/sip-in-line.js';
import { type SippRun, startSipp } from '../../support/sipp.js';
import {
  ackFailure,
  expectMessage,
  inDialog,
  invite,
  reply,
  type Step,
  scenario,
} from '../../support/sipp-scenario.js';
import { gatewayCertificate, strangerCertificate, testCa } from '../../support/tls-certificates.js';
import { until } from '../../support/until.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const engine = async (options: Parameters<typeof startForgetfulEngine>[0] = {}): Promise<Engine> => {
  const started = await startForgetfulEngine(options);
  closers.push(() => started.close());
  return started;
};
const way = async (to: () => number, tls?: Parameters<typeof cuttableWay>[1]): Promise<CuttableWay> => {
  const opened = await cuttableWay(to, tls);
  closers.push(() => opened.close());
  return opened;
};
const application = async (options: Parameters<typeof startOnServers>[0]): Promise<Application> => {
  const started = await startOnServers(options);
  closers.push(() => started.server.close());
  return started;
};
const at = (port: number, tls?: { ca: string }) => ({
  ...{ host: '127.0.0.1', port, secret: 'cymru' },
  ...(tls === undefined ? {} : { tls }),
});

const ok = reply('200 OK', { tag: false });
/** A caller at a server's SIP address, answered; then it does these steps. */
const call = async (
  app: Application,
  target: string,
  ...steps: readonly Step[]
): Promise<{ dialog: Dialog; events: RecordedEvents; sipp: SippRun; sipCallId: string }> => {
  const sipp = await startSipp({
    target,
    scenario: scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(200),
      inDialog('ACK', 1),
      ...steps,
    ),
  });
  closers.push(() => sipp.stop());
  const events = recordEvents();
  const incoming = await app.nextCall();
  const { dialog } = await incoming.answer(ANSWER_SDP, events);
  return { dialog, events, sipp, sipCallId: incoming.sipCallId };
};
const awaitBye = [expectMessage('BYE', { timeout: 8000 }), ok];

/** Someone to call; resolves with the Via host and port of the INVITE, which is the server that sent it. */
const callee = async (): Promise<{ uri: string; sentBy: () => Promise<string> }> => {
  const sipp = await startSipp({
    scenario: scenario(expectMessage('INVITE'), reply('486 Busy Here'), expectMessage('ACK')),
  });
  closers.push(() => sipp.stop());
  return {
    uri: `sip:line@127.0.0.1:${sipp.port}`,
    sentBy: async () => /^Via: SIP\/2\.0\/UDP ([^;\s]+)/m.exec((await sipp.done).messages)?.[1] ?? 'no INVITE',
  };
};

describe('several SIP servers', () => {
  it('bring calls each; a call beside another leaves by its server, the rest in turn', async () => {
    const [one, two] = [await engine(), await engine()];
    const app = await application({ servers: [at(one.adminPort), at(two.adminPort)] });
    expect(app.server.servers().map(({ connected }) => connected)).toEqual([true, true]);
    for (const server of [one, two, one]) {
      const incoming = await call(app, sipAddressOf(server), ...awaitBye);
      const line = await callee();
      const placed = await app.server.place(outgoing(line.uri, { beside: incoming.sipCallId }));
      expect(placed).toMatchObject({ outcome: 'failed', status: 486 });
      expect(await line.sentBy()).toBe(sipAddressOf(server));
      await incoming.dialog.bye();
      expect((await incoming.sipp.done).code).toBe(0);
    }
    const used = new Set<string>();
    for (let i = 0; i < 2; i += 1) {
      const line = await callee();
      await app.server.place(outgoing(line.uri));
      used.add(await line.sentBy());
    }
    expect([...used].sort()).toEqual([sipAddressOf(one), sipAddressOf(two)].sort());
  });

  it('of which one is down: the others serve, it is named, and it serves once it is there', async () => {
    const one = await engine();
    const port = await freePort();
    const app = await application({ servers: [at(port), at(one.adminPort)] });
    const states = () => app.server.servers().map(({ name, connected }) => `${name} ${connected}`);
    expect(states()).toEqual([`127.0.0.1:${port} false`, `127.0.0.1:${one.adminPort} true`]);
    expect(app.server.connected()).toBe(true);
    expect(app.lines.map(({ message }) => message)).toContain('a SIP server cannot be reached; the others serve');
    const first = await call(app, sipAddressOf(one), ...awaitBye);
    await first.dialog.bye();
    const late = await engine({ admin: { host: '127.0.0.1', port, secret: 'cymru' } });
    await until('the late server', () => app.server.servers().every(({ connected }) => connected));
    const second = await call(app, sipAddressOf(late), ...awaitBye);
    await second.dialog.bye();
    expect((await second.sipp.done).code).toBe(0);
  });

  it('of which none is there fail the start with the sentence of the first', async () => {
    const [a, b] = [await freePort(), await freePort()];
    await expect(startOnServers({ servers: [at(a), at(b)], connectTimeout: 500 })).rejects.toMatchObject({
      code: 'sip_unavailable',
      message: expect.stringMatching(new RegExp(`^The SIP server at 127\\.0\\.0\\.1:${a} cannot be reached`)),
    });
  });

  it('of which one is lost in a call: its calls end with a reason, their peers get BYE, the others go on', async () => {
    const [one, two] = [await engine(), await engine()];
    const cut = await way(() => one.adminPort);
    const app = await application({ servers: [at(cut.port), at(two.adminPort)] });
    const gone = await call(app, sipAddressOf(one), ...awaitBye);
    const stays = await call(app, sipAddressOf(two), ...awaitBye);
    cut.cut();
    expect(await gone.events.over).toEqual({
      by: 'lost',
      reason: 'the SIP server forgot the dialog while it was not connected',
    });
    expect((await gone.sipp.done).code).toBe(0);
    expect(app.server.stats().dialogs).toBe(1);
    expect(stays.events.seen).toEqual([]);
    await stays.dialog.bye();
    expect((await stays.sipp.done).code).toBe(0);
  });

  it('that do not come back: their calls end all the same', async () => {
    const one = await startForgetfulEngine();
    const patience: (() => void)[] = [];
    const clock = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      after: (ms: number, fn: () => void) => {
        if (ms === 30_000) patience.push(fn);
        const handle = setTimeout(fn, ms);
        return { cancel: () => clearTimeout(handle) };
      },
    };
    const app = await application({ servers: [at(one.adminPort)], clock });
    const { events } = await call(app, sipAddressOf(one));
    await one.close();
    await until('the loss', () => patience.length === 1);
    expect(events.seen).toEqual([]);
    patience[0]?.();
    expect(await events.over).toEqual({ by: 'lost', reason: 'the SIP server did not come back' });
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
  });
});

describe('a connection to a SIP server', () => {
  it('that stays mute is broken off and opened anew; one that is only idle is kept', async () => {
    const looks: (() => void)[] = [];
    const clock = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      after: (ms: number, fn: () => void) => {
        if (ms === 5_000) {
          looks.push(fn);
          return { cancel: () => {} };
        }
        const handle = setTimeout(fn, ms);
        return { cancel: () => clearTimeout(handle) };
      },
    };
    const look = (): void => looks.splice(0).forEach((fn) => void fn());
    const one = await engine();
    const cut = await way(() => one.adminPort);
    const app = await application({ servers: [at(cut.port)], clock });
    look();
    for (let times = 0; times < 6; times += 1) {
      const before = cut.returned();
      look();
      await until('the answer to a ping', () => cut.returned() > before);
      look();
    }
    expect([app.server.connected(), cut.accepted()]).toEqual([true, 1]);
    cut.stall();
    for (let times = 0; times < 3; times += 1) look();
    expect(app.server.connected()).toBe(true);
    look();
    await until('the new connection', () => cut.accepted() === 2 && app.server.connected());
    expect(app.lines.map(({ message }) => message)).toContain(
      'the SIP server gives no sign of life; the connection is broken off',
    );
    const { dialog, sipp } = await call(app, sipAddressOf(one), ...awaitBye);
    await dialog.bye();
    expect((await sipp.done).code).toBe(0);
  });

  it('that broke leaves no INVITE open: callers get 503 and lines CANCEL as soon as it is back', async () => {
    const one = await engine();
    const cut = await way(() => one.adminPort);
    const app = await application({ servers: [at(cut.port)] });
    const caller = await startSipp({
      target: sipAddressOf(one),
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(180),
        expectMessage(503, { matches: ['Retry-After: 2'] }),
        ackFailure(),
      ),
    });
    closers.push(() => caller.stop());
    const line = await startLine(ringingOnly());
    closers.push(() => line.stop());
    const incoming = await app.nextCall();
    incoming.ring();
    let rings = (): void => {};
    const ringing = new Promise<void>((resolve) => {
      rings = resolve;
    });
    const placing = app.server.place(
      outgoing(`sip:line@127.0.0.1:${line.port}`, { onProvisional: ({ status }) => status === 180 && rings() }),
    );
    await ringing;
    cut.cut();
    expect(await placing).toMatchObject({ outcome: 'failed', status: 503, local: true });
    expect(incoming.cancelled.aborted).toBe(true);
    expect(await caller.done).toMatchObject({ code: 0 });
    expect(await line.done).toMatchObject({ code: 0 });
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
    await until('the server to have no transaction left', () => one.stats().dialogs === 0);
  });
});

describe('a message larger than the server takes', () => {
  it('is refused here, where drachtio-server would hang, and the next one goes out', async () => {
    const one = await engine();
    const app = await application({ servers: [at(one.adminPort)], messageLimit: 12_000 });
    const line = await callee();
    const offer = `${ANSWER_SDP}a=fill:${'x'.repeat(12_000)}\r\n`;
    expect(await app.server.place(outgoing(line.uri, { offer }))).toMatchObject({
      ...{ outcome: 'failed', status: 503, local: true },
      reason: expect.stringMatching(/^the message has \d+ bytes and the SIP server takes 12000 at most$/),
    });
    expect(await app.server.place(outgoing(line.uri))).toMatchObject({ outcome: 'failed', status: 486 });
  });
});

describe('a TLS admin port', () => {
  it('is connected to again by TLS after the connection broke, and calls work', async () => {
    const one = await engine();
    const secure = await way(() => one.adminPort, gatewayCertificate);
    const app = await application({ servers: [at(secure.port, { ca: testCa })] });
    for (const handshakes of [1, 2, 3]) {
      const { dialog, sipp } = await call(app, sipAddressOf(one), ...awaitBye);
      await dialog.bye();
      expect((await sipp.done).code).toBe(0);
      expect(secure.accepted()).toBe(handshakes);
      if (handshakes === 3) break;
      secure.cut();
      await until('the loss', () => !app.server.connected());
      await until('the reconnection', () => app.server.connected());
    }
  });

  it('whose certificate is not for it or not of the authority is refused with a sentence', async () => {
    const one = await engine();
    const stranger = await way(() => one.adminPort, strangerCertificate);
    const known = await way(() => one.adminPort, gatewayCertificate);
    const refused = (port: number, ca: string) =>
      startOnServers({ servers: [at(port, { ca })], connectTimeout: 1_000 }).then(
        () => 'connected',
        (error: unknown) => (error instanceof Error ? error.message : ''),
      );
    expect(await refused(stranger.port, testCa)).toMatch(/cannot be reached: Hostname\/IP does not match/);
    expect(await refused(known.port, strangerCertificate.cert)).toMatch(/cannot be reached: unable to (verify|get)/);
  });
});

describe('SIP servers that connect to us', () => {
  const peers = [parseIpRange('127.0.0.0/8')].filter((range) => range !== null);
  const listen = async (tls?: { cert: string; key: string }) => ({
    ...{ host: '127.0.0.1', port: 0, secret: 'cymru', peers },
    ...(tls === undefined ? {} : { tls }),
  });

  it.each([
    ['tcp', undefined],
    ['tls', gatewayCertificate],
  ] as const)('by %s hand over a call, which is answered, called beside and hung up', async (transport, tls) => {
    const app = await application({ servers: [], listen: await listen(tls) });
    expect(app.server.connected()).toBe(true);
    const one = await engine({
      requestHandlers: [{ method: '*', url: `${transport}://127.0.0.1:${app.server.listening}` }],
    });
    const first = await call(app, sipAddressOf(one), ...awaitBye);
    const second = await call(app, sipAddressOf(one), inDialog('BYE', 2), expectMessage(200));
    const line = await callee();
    const placed = await app.server.place(outgoing(line.uri, { beside: first.sipCallId }));
    expect(placed).toMatchObject({ outcome: 'failed', status: 486 });
    expect((await second.events.over).by).toBe('remote');
    await first.dialog.bye();
    expect((await first.sipp.done).code).toBe(0);
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
  });

  it('are left when no call needs them any more, and lose their calls with the connection', async () => {
    const looks: (() => void)[] = [];
    const clock = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      after: (ms: number, fn: () => void) => {
        if (ms === 5_000) {
          looks.push(fn);
          return { cancel: () => {} };
        }
        const handle = setTimeout(fn, ms);
        return { cancel: () => clearTimeout(handle) };
      },
    };
    const app = await application({ servers: [], listen: await listen(), clock });
    const cut = await way(() => app.server.listening ?? 0);
    const one = await engine({ requestHandlers: [{ method: 'INVITE', url: `tcp://127.0.0.1:${cut.port}` }] });
    const first = await call(app, sipAddressOf(one), ...awaitBye);
    expect(one.stats().applications).toBe(1);
    const look = (): void => looks.splice(0).forEach((fn) => void fn());
    look();
    look();
    await first.dialog.bye();
    expect((await first.sipp.done).code).toBe(0);
    look();
    look();
    await until('the connection to be closed', () => one.stats().applications === 0);
    const second = await call(app, sipAddressOf(one));
    cut.cut();
    expect(await second.events.over).toEqual({
      by: 'lost',
      reason: 'the SIP server closed the connection of the call',
    });
  });

  it('from addresses that are not allowed are turned away before they learn the secret', async () => {
    const allowed = [parseIpRange('127.0.0.9/32')].filter((range) => range !== null);
    const app = await application({ servers: [], listen: { ...(await listen()), peers: allowed } });
    const one = await engine({
      requestHandlers: [{ method: 'INVITE', url: `tcp://127.0.0.1:${app.server.listening}` }],
    });
    const sipp = await startSipp({
      target: sipAddressOf(one),
      scenario: scenario(invite(), expectMessage(100, { optional: true }), expectMessage(480), inDialog('ACK', 1)),
    });
    expect((await sipp.done).code).toBe(0);
    expect(app.lines.map(({ message }) => message)).toContain(
      'a connection to DRACHTIO_LISTEN was refused: the address is not in DRACHTIO_PEERS',
    );
  });

  it('are waited for also while those we connect to are away', async () => {
    const away = await freePort();
    const app = await application({ servers: [at(away)], connectTimeout: 300, listen: await listen() });
    expect(app.server.connected()).toBe(true);
    expect(app.server.servers()).toEqual([{ name: `127.0.0.1:${away}`, connected: false }]);
    const one = await engine({
      requestHandlers: [{ method: '*', url: `tcp://127.0.0.1:${app.server.listening}` }],
    });
    const first = await call(app, sipAddressOf(one), ...awaitBye);
    await first.dialog.bye();
    expect((await first.sipp.done).code).toBe(0);
  });

  it('cannot listen on a port in use: one sentence', async () => {
    const app = await application({ servers: [], listen: await listen() });
    const again = { ...(await listen()), port: app.server.listening ?? 0 };
    await expect(startOnServers({ servers: [], listen: again })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/^DRACHTIO_LISTEN: 127\.0\.0\.1:\d+ cannot be opened: .*EADDRINUSE/),
    });
  });
});
