import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { type Engine, startEngine } from '../../../src/telephony/sip-engine/index.js';
import { type CuttableWay, cuttableWay } from '../../support/cuttable-way.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { type GivenServer, givenServer } from '../../support/given-server.js';
import { endedSession, liveSession } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { freePort } from '../../support/ports.js';
import { runSipp, startSipp } from '../../support/sipp.js';
import { expectMessage, inDialog, invite, reply, scenario } from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

let gateway: TestGateway | null = null;
let engine: Engine | null = null;
let way: CuttableWay | null = null;
afterEach(async () => {
  await gateway?.stop();
  way?.close();
  await engine?.close();
  [gateway, engine, way] = [null, null, null];
});

const isAnswered = [invite(), expectMessage(100, { optional: true }), expectMessage(200), inDialog('ACK', 1)];

const callThrough = async (server: GivenServer): Promise<void> => {
  gateway = await startGateway({
    env: { DRACHTIO_HOST: server.host, DRACHTIO_PORT: String(server.port), DRACHTIO_SECRET: server.secret },
  });
  await gateway.apply(organization([{ wait: 300 }]));
  const result = await runSipp({
    target: server.sipAddress,
    scenario: scenario(...isAnswered, inDialog('BYE', 2), expectMessage(200)),
  });
  expect(result, result.errors).toMatchObject({ code: 0, retransmissions: 0 });
  const session = await endedSession(gateway);
  expect(session).toMatchObject({ endReason: 'caller-hangup', caller: { e164: '+14155550123' } });
  // Without the engine's tap the application itself notes what it sends and receives.
  const ladder = String((await gateway.api(`/v1/sessions/${session.id}/ladder?format=text`)).body);
  expect(ladder).toContain('INVITE');
  expect(ladder).toContain('BYE');
  // The secret is a credential: nowhere in the log.
  expect(gateway.output()).not.toContain(server.secret);
};

/** The connection to the server breaks in a call, which the server then knows no application for. */
const loseTheConnection = async (server: GivenServer): Promise<void> => {
  way = await cuttableWay(() => server.port);
  const ports = await freePort();
  gateway = await startGateway({
    // Ports for one call: the next one can only have them when the lost one has left them.
    env: {
      ...{ DRACHTIO_HOST: `127.0.0.1:${way.port}`, DRACHTIO_SECRET: server.secret },
      RTP_PORTS: `${ports}-${ports + 1}`,
    },
  });
  await gateway.apply(organization([{ wait: 300 }]));
  const lost = await startSipp({
    target: server.sipAddress,
    scenario: scenario(...isAnswered, expectMessage('BYE', { timeout: 8000 }), reply('200 OK', { tag: false })),
  });
  await liveSession(gateway);
  way.cut();
  // The server still sends in a dialog for us, so the caller is told; the caller's own BYE would have got 481.
  expect(await lost.done).toMatchObject({ code: 0 });
  const session = await endedSession(gateway);
  expect(session.endReason).toBe('error');
  expect(session.timeline.find(({ type }) => type === 'signalling.lost')?.data).toEqual({
    leg: 'caller',
    reason: 'the SIP server forgot the dialog while it was not connected',
  });
  const again = { scenario: scenario(...isAnswered, inDialog('BYE', 2), expectMessage(200)) };
  await until('a call that finds the ports free', async () => {
    const { code } = await runSipp({ target: server.sipAddress, ...again });
    return code === 0;
  });
};

const startOther = async (forgetDialogs: boolean): Promise<GivenServer> => {
  const [sipPort, port] = [await freePort(), await freePort()];
  const secret = randomBytes(12).toString('hex');
  const listen = (['udp', 'tcp'] as const).map((transport) => ({ transport, address: '127.0.0.1', port: sipPort }));
  engine = await startEngine({ listen, forgetDialogs, admin: { host: '127.0.0.1', port, secret } });
  return { host: '127.0.0.1', port, secret, sipAddress: `127.0.0.1:${sipPort}` };
};

it('a gateway takes its calls from a SIP server in another process', async () => {
  await callThrough(await startOther(false));
});

it('a gateway ends calls that the SIP server has forgotten, says why and leaks nothing', async () => {
  await loseTheConnection(await startOther(true));
});

const given = givenServer();
if (given === null) {
  console.info(
    'Calls through a real drachtio-server are skipped: set TEST_DRACHTIO=host:port:secret:sipaddress to run them.',
  );
}

it.skipIf(given === null)('a gateway takes its calls from a drachtio-server', async () => {
  if (given !== null) await callThrough(given);
});

it.skipIf(given === null)('a gateway ends calls that drachtio-server has forgotten, and leaks nothing', async () => {
  if (given !== null) await loseTheConnection(given);
});
