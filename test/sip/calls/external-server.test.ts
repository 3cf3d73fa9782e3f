import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { type Engine, startEngine } from '../../../src/telephony/sip-engine/index.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { type GivenServer, givenServer } from '../../support/given-server.js';
import { endedSession } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { freePort } from '../../support/ports.js';
import { runSipp } from '../../support/sipp.js';
import { expectMessage, inDialog, invite, scenario } from '../../support/sipp-scenario.js';

let gateway: TestGateway | null = null;
let engine: Engine | null = null;
afterEach(async () => {
  await gateway?.stop();
  await engine?.close();
  [gateway, engine] = [null, null];
});

const callThrough = async (server: GivenServer): Promise<void> => {
  gateway = await startGateway({
    env: { DRACHTIO_HOST: server.host, DRACHTIO_PORT: String(server.port), DRACHTIO_SECRET: server.secret },
  });
  await gateway.apply(organization([{ wait: 300 }]));
  const result = await runSipp({
    target: server.sipAddress,
    scenario: scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(200),
      inDialog('ACK', 1),
      inDialog('BYE', 2),
      expectMessage(200),
    ),
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

it('a gateway takes its calls from a SIP server in another process', async () => {
  const [sipPort, port] = [await freePort(), await freePort()];
  const secret = randomBytes(12).toString('hex');
  const listen = (['udp', 'tcp'] as const).map((transport) => ({ transport, address: '127.0.0.1', port: sipPort }));
  engine = await startEngine({ listen, admin: { host: '127.0.0.1', port, secret } });
  await callThrough({ host: '127.0.0.1', port, secret, sipAddress: `127.0.0.1:${sipPort}` });
});

const given = givenServer();
if (given === null) {
  console.info(
    'The call through a real drachtio-server is skipped: set TEST_DRACHTIO=host:port:secret:sipaddress to run it.',
  );
}

it.skipIf(given === null)('a gateway takes its calls from a drachtio-server', async () => {
  if (given !== null) await callThrough(given);
});
