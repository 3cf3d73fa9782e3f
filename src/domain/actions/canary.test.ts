import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testOrganization, testSession } from '../../../test/support/action-rig.js';
import type { LogFields, Logger } from '../../core/logger.js';
import { createCertificateAuthority } from '../../core/x509.js';
import { parseAction } from './compile-action.js';
import { runsToCsv, summariesToCsv } from './runs.js';
import { testAction } from './testing-panel.js';

/** One canary for each kind of credential, with characters that JSON, URLs and headers write differently. */
const canaries = {
  variable: 'canary-variable-"q"-4f1c',
  session: 'canary-session-headers/9b2e',
  secret: 'canary-secret+value=7d3a',
  client: 'canary-client-secret&5e8b',
  token: 'canary-access-token-1a6f',
  literal: 'canary-literal-in-definition-3c9d',
};

let rig: ActionRig;
const lines: string[] = [];
const write = (fields: LogFields, message: string): void => void lines.push(text({ fields, message }));
const logger: Logger = { trace: write, debug: write, info: write, warn: write, error: write, child: () => logger };

/** Everything an error holds, its causes included, as a crash report would write it. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    item instanceof Error
      ? { ...item, name: item.name, message: item.message, stack: item.stack, cause: item.cause }
      : item,
  );

beforeEach(async () => {
  lines.length = 0;
  rig = await startActionRig({ dependencies: { log: logger } });
  rig.variables.set('X-Tenant', canaries.variable);
  rig.variables.set('Authorization', `Bearer ${canaries.variable}2`);
  rig.secrets.set('s', canaries.secret);
  rig.secrets.set('c', canaries.client);
});
afterEach(() => rig.close());

/** Every spelling in which a canary could have come back. */
const leaks = (haystack: string): string[] =>
  Object.values(canaries).filter((canary) =>
    [
      canary,
      JSON.stringify(canary).slice(1, -1),
      JSON.stringify(JSON.stringify(canary)).slice(3, -3),
      encodeURIComponent(canary),
      Buffer.from(canary).toString('base64').replace(/=+$/, ''),
    ].some((spelling) => haystack.includes(spelling)),
  );

it('secrets pushed through every path are found in no result, record, log, export or stored attribute', async () => {
  const echo = { response: { raw_response: 'raw', '2xx': { outputs: { all: '@', sent: 'headers' } } } };
  const headerAuth = {
    type: 'header',
    variables: { k: '{secret.s}' },
    headers: { 'X-Sig': '{_auth.k}', 'X-Odd': 'a {secret.s} b' },
  };
  const oauth = { type: 'oauth2', tokenUrl: `${rig.target.origin}/token`, clientId: 'id', clientSecret: '{secret.c}' };
  const faults: ((response: import('node:http').ServerResponse) => void)[] = [
    (response) => response.destroy(),
    (response) => response.writeHead(500).end(`failed with ${inPlay.join(' ')}`),
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('broken'),
    (response) => response.writeHead(200, { 'x-big': 'x'.repeat(20_000) }).end(),
    (response) => response.writeHead(401, { 'www-authenticate': `Bearer error="${inPlay.at(-1)}"` }).end('{}'),
  ];
  // A target can give back only what it was sent in the call, or what its token endpoint knows.
  let inPlay: string[] = [];
  let fault: (typeof faults)[number] | undefined;
  rig.target.respond = (request, response) => {
    if (request.url === '/token') response.end(JSON.stringify({ access_token: canaries.token, expires_in: 3600 }));
    else if (fault !== undefined) fault(response);
    else {
      response
        .writeHead(200, {
          'content-type': 'application/json',
          'x-echo': String(request.headers['x-tenant']),
          'set-cookie': canaries.token,
        })
        .end(
          JSON.stringify({ headers: request.headers, url: request.url, body: request.body, raw: request.rawHeaders }),
        );
    }
  };
  const call = {
    organization: { ...testOrganization, contextHeaders: true },
    session: testSession,
    sessionHeaders: new Map([['X-User-Jwt', canaries.session]]),
  };
  const collected: unknown[] = [];
  for (const [auth, ...added] of [
    [{ type: 'none' }],
    [headerAuth, canaries.secret],
    [oauth, canaries.client, canaries.token],
  ] as const) {
    inPlay = [canaries.variable, `${canaries.variable}2`, canaries.session, canaries.literal, ...added];
    for (const next of [undefined, ...faults]) {
      fault = next;
      collected.push(
        await rig.run(
          { method: 'POST', headers: { 'X-Service-Key': canaries.literal }, body: { a: 1 }, auth, ...echo },
          call,
        ),
      );
    }
  }
  // Before anything was sent: a header that cannot be written, a key that cannot be read.
  collected.push(await rig.run({ auth: { type: 'header', headers: { 'X-A': '{secret.s | replace "-" "é"}' } } }, call));
  collected.push(
    await rig.run({ auth: { type: 'header', headers: { 'X-A': '{"a" | hmac sha256 @secret.s hex | hex}' } } }, call),
  );
  fault = undefined;
  const action = parseAction({ name: 'Panel', method: 'GET', url: `${rig.target.origin}/`, auth: headerAuth, ...echo });
  collected.push(await testAction(rig.executor, testOrganization, action, {}));

  // The target really did receive them, so that there was something to leak.
  const received = JSON.stringify(rig.target.requests);
  for (const canary of [canaries.session, canaries.secret, canaries.token, canaries.literal])
    expect(received).toContain(canary);
  expect(rig.runs.length).toBe(21);
  expect(leaks(text(collected))).toEqual([]);
  expect(leaks(text(rig.runs))).toEqual([]);
  expect(leaks(runsToCsv(rig.runs) + summariesToCsv(rig.runs))).toEqual([]);
  expect(leaks(lines.join('\n'))).toEqual([]);
  expect(leaks(text(rig.user.all()))).toEqual([]);
});

it('a target that repeats an ordinary header value is mapped as it answered; what is stored and shown has bullets', async () => {
  rig.variables.clear();
  rig.secrets.set('s', '553311');
  rig.target.respond = (request, response) =>
    response.end(
      JSON.stringify({
        customer_id: 884213,
        name: 'for 884213',
        pin: Number(request.headers['x-pin-key']),
        total: 1884213,
      }),
    );
  const result = await rig.run(
    {
      auth: { type: 'header', headers: { 'X-Pin-Key': '{secret.s}' } },
      response: {
        raw_response: 'raw',
        '2xx': {
          action_success: 'customer_id == `884213`',
          outputs: { id: 'customer_id', name: 'name', pin: 'pin', total: 'total' },
        },
      },
    },
    { session: testSession, sessionHeaders: new Map([['X-Customer-Id', '884213']]) },
  );
  const mapped = { id: 884213, name: 'for 884213', pin: '••••••••', total: 1884213 };
  expect(result).toMatchObject({ success: true, outputs: mapped, ai: { outputs: mapped } });
  expect(JSON.parse(String(result.outputs.raw))).toMatchObject({ customer_id: 884213, pin: '••••••••' });
  expect(rig.user.all()).toMatchObject(mapped);
  expect(JSON.parse(rig.runs[0]?.response?.body ?? '')).toEqual({
    customer_id: '••••••••',
    name: 'for ••••••••',
    pin: '••••••••',
    total: 1884213,
  });
});

it('a private key and its password are in no result when mutual TLS fails', async () => {
  const other = createCertificateAuthority('x');
  const issued = other.issue({ name: 'client' });
  rig.certificates.set('cert', {
    version: '1',
    certificateChain: issued.certificate,
    privateKey: issued.privateKey,
    notAfter: Date.now() + 1e9,
  });
  const broken = { ...rig.certificates.get('cert'), version: '2', privateKey: issued.privateKey.replace(/[A-Z]/, '!') };
  for (const stored of [rig.certificates.get('cert'), broken]) {
    rig.certificates.set('cert', stored as never);
    await rig.run({
      auth: {
        type: 'mtls',
        certificate: '{secret.cert}',
        caCertificate: Buffer.from(other.certificate).toString('base64'),
      },
    });
  }
  const body = issued.privateKey.split('\n')[1] ?? '';
  expect(rig.runs.map((run) => run.success)).toEqual([false, false]);
  expect(text(rig.runs) + lines.join('\n')).not.toContain(body);
});
