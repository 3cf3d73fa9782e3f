import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../src/core/x509.js';
import { type ActionGateway, startActionGateway } from '../support/action-gateway.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { dial } from '../support/phone.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

/** One canary for each kind of credential, with characters that JSON, URLs and headers write differently. */
const canaries = {
  variable: 'canary-variable-"q"-4f1c',
  session: 'canary-session-header/9b2e',
  secret: 'canary-secret+value=7d3a',
  client: 'canary-client-secret&5e8b',
  token: 'canary-access-token-1a6f',
  literal: 'canary-literal-in-definition-3c9d',
};

let redis: TestRedis;
let monitor: ChildProcess;
let wire = '';
let owner: ActionGateway;
/** A second instance on the same Redis, whose API is asked for a call that the first one owns. */
let other: TestGateway;
const client = createCertificateAuthority('Clients').issue({ name: 'client' });

beforeAll(async () => {
  redis = await startTestRedis();
  monitor = spawn('redis-cli', ['-s', redis.socketPath, 'monitor'], { stdio: ['ignore', 'pipe', 'ignore'] });
  monitor.stdout?.setEncoding('utf8').on('data', (text: string) => (wire += text));
  await until('the monitor', () => wire.includes('OK'));
  const env = {
    REDIS_URL: `unix://${redis.socketPath}`,
    ENCRYPTION_KEYS: `k:${randomBytes(32).toString('base64')}`,
    DASHBOARD_JWT_SECRET: randomBytes(32).toString('base64url'),
    LOG_LEVEL: 'trace',
  };
  owner = await startActionGateway({ env });
  other = await startGateway({ env: owner.env });
}, 60_000);
afterAll(async () => {
  await other?.stop();
  await owner?.close();
  monitor?.kill();
  await redis?.stop();
});

/** Every spelling in which a canary could have been written. */
const leaks = (haystack: string): string[] =>
  [...Object.values(canaries), client.privateKey.split('\n')[1] ?? ''].filter((canary) =>
    [
      canary,
      JSON.stringify(canary).slice(1, -1),
      JSON.stringify(JSON.stringify(canary)).slice(3, -3),
      encodeURIComponent(canary),
      Buffer.from(canary).toString('base64').replace(/=+$/, ''),
    ].some((spelling) => haystack.includes(spelling)),
  );

const filesBelow = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = statSync(path);
    return stat.isDirectory() ? filesBelow(path) : stat.isFile() ? [path] : [];
  });

it('canaries pushed through every path of two instances are in no log, Redis file, command, API answer or timeline', async () => {
  const { shop, gateway } = owner;
  let broken = false;
  shop.respond = (request, response) => {
    if (request.url === '/token') response.end(JSON.stringify({ access_token: canaries.token, expires_in: 3600 }));
    else if (broken) response.destroy();
    else {
      const echo = { headers: request.headers, raw: request.rawHeaders, url: request.url, body: request.body };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(echo));
    }
  };
  const echoed = { response: { raw_response: 'raw', '2xx': { outputs: { all: '@', sent: 'headers' } } } };
  const base = { method: 'POST', url: `${shop.origin}/`, body: { a: 1 }, ...echoed };
  const ca = Buffer.from(shop.authority).toString('base64');
  const auths = {
    plain: { type: 'none' },
    signed: {
      type: 'header',
      variables: { k: '{secret.s}' },
      headers: { 'X-Sig': '{_auth.k}', 'X-Odd': 'a {secret.s} b' },
    },
    oauth: { type: 'oauth2', tokenUrl: `${shop.origin}/token`, clientId: 'id', clientSecret: '{secret.c}' },
    mtls: { type: 'mtls', certificate: '{secret.bank}', caCertificate: ca },
  };
  const names = Object.keys(auths);
  await gateway.apply({
    organization: { id: 'acme', name: 'Acme', defaultCountry: 'US', contextHeaders: true },
    numbers: [{ number: '+14155550100', agent: 'support', profile: 'local', verified: true }],
    agents: [
      {
        id: 'support',
        actions: names,
        leg: { type: 'builtin', script: { steps: [{ actions: names }, { ask: { digits: 1, timeout: 60 } }] } },
      },
    ],
    actions: Object.entries(auths).map(([name, auth]) => ({
      ...base,
      name,
      auth,
      headers: { 'X-Service-Key': canaries.literal },
    })),
    variables: { 'X-Tenant': canaries.variable },
    secrets: { s: canaries.secret, c: canaries.client },
  });
  const answers: unknown[] = [];
  const ask = async (which: TestGateway, method: string, path: string, body?: unknown): Promise<number> => {
    const answer = await which.api(path, { method, ...(body === undefined ? {} : { body }) });
    answers.push(answer.body);
    return answer.status;
  };
  expect(
    await ask(gateway, 'PUT', '/v1/certificates/bank', { certificate: client.certificate, key: client.privateKey }),
  ).toBe(200);

  const phone = dial({ sipPort: gateway.sipPort });
  await phone.answered;
  type Listed = { items: { id: string }[] };
  const { body } = await gateway.api('/v1/sessions?live=true');
  const sessionId = (body as Listed).items[0]?.id ?? '';
  // By way of the instance that does not own the call.
  const given = { headers: { 'X-User-Jwt': canaries.session } };
  expect(await ask(other, 'PUT', `/v1/sessions/${sessionId}/headers`, given)).toBe(204);
  expect(await ask(other, 'PUT', `/v1/sessions/${sessionId}/identity`, { authenticatedUser: 'user-7' })).toBe(204);
  for (const fails of [false, true]) {
    broken = fails;
    for (const name of names) {
      expect(await ask(other, 'POST', `/v1/actions/${name}/execute`, { sessionId, attributes: {} })).toBe(200);
      expect(await ask(gateway, 'POST', `/v1/actions/${name}/execute`, { sessionId, attributes: {} })).toBe(200);
      expect(await ask(other, 'POST', `/v1/actions/${name}/execute`, { attributes: {} })).toBe(200);
      expect(await ask(gateway, 'POST', `/v1/actions/${name}/test`, { attributes: {} })).toBe(200);
    }
  }
  // What is refused must not repeat what was sent.
  await ask(gateway, 'PUT', '/v1/variables/X-Bad', { value: `${canaries.variable}\r\nX: 1` });
  await ask(gateway, 'PUT', `/v1/sessions/${sessionId}/headers`, { headers: { 'X-A': `${canaries.session}\n` } });
  await ask(gateway, 'PUT', '/v1/certificates/bad', { certificate: client.privateKey, password: canaries.secret });

  // The target really did receive them, the session's header by way of the other instance.
  const received = JSON.stringify(shop.requests);
  const sent = Object.values(canaries).filter((canary) =>
    [JSON.stringify(canary).slice(1, -1), encodeURIComponent(canary)].some((spelling) => received.includes(spelling)),
  );
  expect(sent).toEqual(Object.values(canaries));
  expect(shop.requests.some((request) => request.headers['x-opencx-external-user-id'] === 'user-7')).toBe(true);

  phone.hangUp();
  await phone.done;
  await until('the end of the session', async () => {
    const session = (await gateway.api(`/v1/sessions/${sessionId}`)).body as { status: string };
    return session.status === 'ended';
  });
  for (const path of [
    `/v1/sessions/${sessionId}`,
    '/v1/sessions',
    '/v1/runs?limit=100',
    '/v1/runs?format=csv',
    '/v1/runs/summary',
    '/v1/actions',
    '/v1/variables',
    '/v1/secrets',
    '/v1/certificates',
    '/v1/organizations/acme/document',
    '/metrics',
  ]) {
    expect([path, await ask(gateway, 'GET', path)]).toEqual([path, 200]);
  }
  const runs = (await gateway.api('/v1/runs?limit=1000')).body as { items: { id: string }[] };
  expect(runs.items.length).toBeGreaterThan(30);
  for (const run of runs.items) await ask(other, 'GET', `/v1/runs/${run.id}`);

  expect(leaks(JSON.stringify(answers))).toEqual([]);
  expect(leaks(gateway.output())).toEqual([]);
  expect(leaks(other.output())).toEqual([]);
  expect(leaks(wire)).toEqual([]);
  expect(wire).toContain('run-details');
  const stored = [...filesBelow(redis.dir), ...filesBelow(gateway.dataDir)];
  expect(stored.some((path) => path.includes('appendonly'))).toBe(true);
  for (const path of stored) expect([path, leaks(readFileSync(path, 'latin1'))]).toEqual([path, []]);
}, 90_000);
