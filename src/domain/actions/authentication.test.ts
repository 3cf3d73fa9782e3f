import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testOrganization, testSession } from '../../../test/support/action-rig.js';
import { startHttpsTarget } from '../../../test/support/https-target.js';
import { createRedactor } from '../../core/redaction.js';
import { parseAction } from './compile-action.js';
import { createSessionHeaders } from './session-headers.js';
import { createUserAttributes } from './user-attributes.js';

let rig: ActionRig;
beforeEach(async () => {
  rig = await startActionRig({ user: { app_id: 'app-7' } });
});
afterEach(() => rig.close());

const sent = (index = -1): Record<string, string | string[] | undefined> =>
  rig.target.requests.at(index)?.headers ?? {};

describe('the three paths', () => {
  it('global variables: the key becomes the HTTP header name on every outbound action call', async () => {
    rig.variables.set('X-Api-Key', 'k-123456');
    await rig.run({});
    await rig.run({ method: 'POST', body: {} });
    expect([sent(0)['x-api-key'], sent(1)['x-api-key']]).toEqual(['k-123456', 'k-123456']);
  });

  it('sends the value verbatim, it does not prepend Bearer', async () => {
    rig.variables.set('Authorization', 'abcdef');
    await rig.run({});
    expect(sent().authorization).toBe('abcdef');
    rig.variables.set('Authorization', 'Bearer {secret.x} {user.app_id}');
    await rig.run({});
    expect(sent().authorization).toBe('Bearer {secret.x} {user.app_id}');
  });

  it("widget headers override same-named global variables for that contact's session, whatever the case", async () => {
    rig.variables.set('Authorization', 'global');
    await rig.run({}, { session: testSession, sessionHeaders: new Map([['aUTHORIZATION', 'Bearer user-jwt']]) });
    await rig.run({}, { session: testSession });
    expect(sent(0).authorization).toBe('Bearer user-jwt');
    expect(sent(1).authorization).toBe('global');
    expect(rig.target.requests[0]?.rawHeaders.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1);
  });

  it('widget headers are held in memory, go with the session, and are checked when they are set', () => {
    const headers = createSessionHeaders();
    expect(
      headers.set('s1', { Authorization: 'Bearer x', 'User-Agent': 'me', 'x-opencx-org-id': 'forged' }),
    ).toHaveLength(2);
    expect(headers.get('s1').get('Authorization')).toBe('Bearer x');
    expect(() => headers.set('s1', { 'X-A': 'secret-value\r\nX-B: 1' })).toThrow('not valid');
    headers.forget('s1');
    expect(headers.get('s1').size).toBe(0);
    expect(headers.size).toBe(0);
  });

  it('widget headers are known to the log for as long as the session has them', () => {
    const redactor = createRedactor();
    const headers = createSessionHeaders(redactor.hold);
    headers.set('s1', { 'X-User': 'user-value-1', Authorization: 'Bearer user-value-2' });
    headers.set('s2', { 'X-User': 'user-value-1' });
    const line = 'user-value-1 user-value-2';
    expect(redactor.text(line)).toBe('•••••••• ••••••••');
    headers.set('s1', { 'X-User': 'user-value-3' });
    expect(redactor.text(line)).toBe('•••••••• user-value-2');
    headers.forget('s1');
    headers.forget('s2');
    expect(redactor.text(`${line} user-value-3`)).toBe(`${line} user-value-3`);
  });

  it('context headers: adds four identifying headers when the organization has them enabled', async () => {
    const organization = { ...testOrganization, contextHeaders: true };
    await rig.run({}, { organization, session: { ...testSession, externalUserId: 'user-42' } });
    expect(sent()).toMatchObject({
      'x-opencx-org-id': testOrganization.uuid,
      'x-opencx-session-id': testSession.id,
      'x-opencx-ticket-number': '4711',
      'x-opencx-external-user-id': 'user-42',
    });
  });

  it('context headers are opt-in', async () => {
    await rig.run({}, { session: { ...testSession, externalUserId: 'user-42' } });
    expect(Object.keys(sent()).filter((name) => name.startsWith('x-opencx-'))).toEqual([]);
  });

  it('a contact that is not authenticated has no external-user header, whatever the AI says', async () => {
    const organization = { ...testOrganization, contextHeaders: true };
    await rig.run(
      {},
      { organization, session: testSession, args: { externalUserId: 'forged', 'x-opencx-external-user-id': 'forged' } },
    );
    expect(sent()['x-opencx-external-user-id']).toBeUndefined();
    expect(sent()['x-opencx-session-id']).toBe(testSession.id);
  });

  it('every action call also carries User-Agent: OpenCX', async () => {
    await rig.run({});
    expect(sent()['user-agent']).toBe('OpenCX');
  });

  it('x-opencx-* and User-Agent of every other layer never arrive, context headers on or off', async () => {
    const forged = {
      'User-Agent': 'forged',
      'X-OpenCX-Org-Id': 'forged',
      'x-opencx-external-user-id': 'forged',
      'X-Opencx-Other': 'forged',
    };
    for (const [name, value] of Object.entries(forged)) rig.variables.set(name, value);
    for (const contextHeaders of [false, true]) {
      const result = await rig.run(
        { headers: forged, auth: { type: 'header', headers: forged } },
        {
          organization: { ...testOrganization, contextHeaders },
          session: testSession,
          sessionHeaders: new Map(Object.entries(forged)),
        },
      );
      expect(JSON.stringify(rig.target.requests.at(-1)?.rawHeaders)).not.toContain('forged');
      expect(result.run.notes).toContain(
        'The header x-opencx-external-user-id was left out: it is reserved or not valid.',
      );
      expect(sent()['x-opencx-org-id']).toBe(contextHeaders ? testOrganization.uuid : undefined);
    }
  });
});

it('header precedence: for each of the 32 combinations of layers the latest wins, in different case', async () => {
  const layers = ['action', 'variable', 'session', 'auth', 'context'] as const;
  for (let bits = 0; bits < 32; bits += 1) {
    const on = layers.filter((_layer, index) => (bits >> index) & 1);
    const has = (layer: (typeof layers)[number]): boolean => on.includes(layer);
    rig.variables.clear();
    if (has('variable')) rig.variables.set('X-THING', 'variable');
    await rig.run(
      {
        ...(has('action') ? { headers: { 'x-thing': 'action' } } : {}),
        ...(has('auth') ? { auth: { type: 'header', headers: { 'X-Thing': 'auth' } } } : {}),
      },
      {
        organization: { ...testOrganization, contextHeaders: has('context') },
        session: testSession,
        sessionHeaders: new Map(has('session') ? [['x-ThInG', 'session']] : []),
      },
    );
    const winner = on.filter((layer) => layer !== 'context').at(-1);
    const raw = rig.target.requests.at(-1)?.rawHeaders ?? [];
    const values = raw.filter((_text, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === 'x-thing');
    expect([on, values]).toEqual([on, winner === undefined ? [] : [winner]]);
    expect(sent()['x-opencx-org-id']).toBe(has('context') ? testOrganization.uuid : undefined);
  }
});

it('existing in-flight tool calls finish against the old value; the next call uses the new one', async () => {
  rig.variables.set('X-Api-Key', 'old-value');
  const held: (() => void)[] = [];
  let failures = 2;
  rig.target.respond = (_request, response) => {
    if (failures-- > 0) held.push(() => response.writeHead(503, { 'retry-after': '0' }).end());
    else response.end('{}');
  };
  const running = rig.run({ retries: { attempts: 3 } });
  await expect.poll(() => held.length).toBe(1);
  rig.variables.set('X-Api-Key', 'new-value');
  held[0]?.();
  await expect.poll(() => held.length).toBe(2);
  held[1]?.();
  await running;
  await rig.run({});
  expect(rig.target.requests.map((request) => request.headers['x-api-key'])).toEqual([
    'old-value',
    'old-value',
    'old-value',
    'new-value',
  ]);
});

it('refuses to call http:// URLs', async () => {
  await expect(async () => rig.run({ url: 'http://localhost/' })).rejects.toThrow('the URL must start with https://');
});

describe('header authentication', () => {
  const run = (auth: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    rig.run({ method: 'POST', body: { a: 1 }, auth: { type: 'header', ...auth } as never, ...(more as object) });

  it('is secret-aware: an API key from the Secret Context', async () => {
    rig.secrets.set('api_key', 'sk-live-1');
    await run({ headers: { Authorization: 'Bearer {secret.api_key}', 'X-Request-ID': '{_auth.uuid}' } });
    expect(sent().authorization).toBe('Bearer sk-live-1');
    expect(sent()['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('has uuid, timestamp and timestamp_micro, each the same everywhere in one request', async () => {
    const before = Math.floor(Date.now() / 1000);
    await run({
      variables: { again: '{_auth.uuid}/{_auth.timestamp_micro}' },
      headers: { 'X-A': '{_auth.uuid}/{_auth.timestamp_micro}', 'X-B': '{_auth.again}', 'X-T': '{_auth.timestamp}' },
    });
    expect(sent()['x-a']).toBe(sent()['x-b']);
    expect(Number(sent()['x-t'])).toBeGreaterThanOrEqual(before);
    expect(String(sent()['x-a']).split('/')[1]).toMatch(/^\d{16}$/);
    await run({ headers: { 'X-A': '{_auth.uuid}' } });
    expect(sent(0)['x-a']).not.toContain(String(sent(1)['x-a']));
  });

  it('chains variables: the HMAC signature of the documentation, verified with openssl', async () => {
    rig.secrets.set('hmac_signing_key', 'signing-key');
    await run({
      variables: { secret: '{secret.hmac_signing_key}', signature: 'hmac-sha256({_webhook.body}, {_auth.secret})' },
      headers: {
        'X-Request-ID': '{_auth.uuid}',
        'X-Signature': '{_auth.signature}',
        'X-Timestamp': '{_auth.timestamp}',
      },
    });
    const body = rig.target.requests[0]?.body ?? '';
    const printed = execFileSync('openssl', ['dgst', '-sha256', '-hmac', 'signing-key'], { input: body }).toString();
    expect(printed.trim().endsWith(String(sent()['x-signature']))).toBe(true);
  });

  it('verifies the full pipe example with its undeclared nonce', async () => {
    rig.secrets.set('key', 'shared');
    await run(
      {
        headers: { Authorization: 'HMAC {user.app_id}:{_auth.signature}:{_auth.nonce}:{_auth.timestamp}' },
        variables: {
          url_encoded: `{_webhook.url | replace "'" "%27%27"}`,
          base_url: '{_auth.url_encoded | lowercase | url_encode true | lowercase}',
          body_hash: '{_webhook.body | md5 true | base64}',
          raw_signature:
            '{user.app_id}{_auth.timestamp}{_auth.nonce}{_auth.body_hash}{_webhook.method}{_auth.base_url}',
          signature: '{_auth.raw_signature | hmac sha256 @secret.key text | base64}',
        },
      },
      { url: `${rig.target.origin}/A?x='1'` },
    );
    const [app, signature, nonce, timestamp] = String(sent().authorization).slice(5).split(':');
    expect([app, nonce]).toEqual(['app-7', '']);
    const url = new URL(`${rig.target.origin}/A?x='1'`).href.replaceAll("'", '%27%27');
    const encoded = encodeURIComponent(url.toLowerCase()).toLowerCase();
    const hash = execFileSync('openssl', ['dgst', '-md5', '-binary'], { input: '{"a":1}' }).toString('base64');
    const expected = createHmac('sha256', 'shared').update(`app-7${timestamp}${hash}POST${encoded}`).digest('base64');
    expect(signature).toBe(expected);
  });

  it('_webhook is the request exactly as it will be sent, without the auth headers', async () => {
    rig.variables.set('X-Global', 'g-value');
    await run(
      {
        headers: {
          'X-Url': '{_webhook.url}',
          'X-Method': '{_webhook.method}',
          'X-Type': '{_webhook.content_type}',
          'X-Query': "{_webhook.query_params['page']}",
          'X-Seen': "{_webhook.headers['X-Global']}[{_webhook.headers['X-Url']}]",
        },
      },
      { url: `${rig.target.origin}/p?page=2` },
    );
    expect(sent()).toMatchObject({
      'x-url': `${rig.target.origin}/p?page=2`,
      'x-method': 'POST',
      'x-type': 'application/json',
      'x-query': '2',
      'x-seen': 'g-value[]',
    });
  });

  it('resolution is lazy: a variable that is not needed is not resolved', async () => {
    rig.secrets.set('needed', 'value-1');
    const result = await run({
      variables: { used: '{secret.needed}', unused: '{secret.missing}' },
      headers: { 'X-A': '{_auth.used}' },
    });
    expect(result.success).toBe(true);
    expect(rig.secretReads).toEqual(['needed']);
  });

  it('a cycle fails the action and nothing is sent', async () => {
    const circle = {
      variables: { a: 'x{_auth.b}', b: '{_auth.c | base64}', c: '{"z" | hmac sha256 @_auth.a}' },
      headers: { 'X-A': '{_auth.a}' },
    };
    await expect(async () => run(circle)).rejects.toThrow('in a circle: a -> b -> c -> a');
    expect(rig.target.requests).toHaveLength(0);
  });

  it('a secret that does not exist fails the action before anything is sent', async () => {
    const result = await run({ headers: { 'X-A': '{secret.nobody}' } });
    expect(result.error).toEqual({ code: 'authentication', message: 'The secret "nobody" does not exist.' });
    expect(rig.target.requests).toHaveLength(0);
  });

  it('values of the AI are refused in it', async () => {
    const result = await rig.run({ auth: { type: 'header', headers: { 'X-A': '{who}' } } }, { args: { who: 'me' } });
    expect(result.error?.message).toContain('chosen by the AI cannot stand in authentication');
    expect(rig.target.requests).toHaveLength(0);
  });

  it('secrets anywhere else render as bullets', async () => {
    rig.secrets.set('api_key', 'sk-live-1');
    await rig.run({ method: 'POST', url: `${rig.target.origin}/{secret.api_key}`, body: { k: '{secret.api_key}' } });
    const [request] = rig.target.requests;
    expect(decodeURIComponent(request?.url ?? '')).toBe('/••••••••');
    expect(request?.body).toBe('{"k":"••••••••"}');
    const result = await rig.run({ headers: { 'X-A': '{secret.api_key}' } });
    expect(result.error?.code).toBe('template');
    expect(rig.secretReads).toEqual([]);
  });
});

describe('OAuth2 client credentials', () => {
  const oauth = (more: Record<string, unknown> = {}) =>
    ({
      auth: {
        type: 'oauth2',
        tokenUrl: `${rig.target.origin}/oauth2/token`,
        clientId: '{global.oauth_client_id}',
        clientSecret: '{secret.oauth_client_secret}',
        scope: 'api.read api.write',
        ...more,
      },
    }) as never;

  type TokenAnswer = { status?: number; body: unknown; delayed?: boolean };
  let answers: TokenAnswer[];
  let issued = 0;
  let accepts = (_authorization: string): boolean => true;
  const tokenRequests = () => rig.target.requests.filter((request) => request.url === '/oauth2/token');
  const calls = () => rig.target.requests.filter((request) => request.url !== '/oauth2/token');

  beforeEach(() => {
    rig.secrets.set('oauth_client_secret', 'p@ss w:/r+d-_.~');
    answers = [];
    issued = 0;
    accepts = () => true;
    rig.target.respond = (request, response) => {
      if (request.url !== '/oauth2/token') {
        response.writeHead(accepts(String(request.headers.authorization)) ? 200 : 401).end('{}');
        return;
      }
      issued += 1;
      const { status = 200, body } = answers.shift() ?? {
        body: { access_token: `token-${issued}`, token_type: 'Bearer', expires_in: 3600 },
      };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
  });

  it('sends a token request with the client credentials and adds the token as Bearer', async () => {
    await rig.run(oauth());
    expect(Object.fromEntries(new URLSearchParams(tokenRequests()[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'api.read api.write',
      client_id: 'global-client',
      client_secret: 'p@ss w:/r+d-_.~',
    });
    expect(tokenRequests()[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'OpenCX' },
    });
    expect(calls()[0]?.headers.authorization).toBe('Bearer token-1');
  });

  it('has three ways of showing id and secret', async () => {
    await rig.run(oauth({ clientId: 'my client:id', clientAuthentication: 'basic' }));
    await rig.run(oauth({ clientId: 'my client:id', clientAuthentication: 'basic-raw' }));
    const decoded = tokenRequests().map((request) =>
      Buffer.from(String(request.headers.authorization).slice(6), 'base64').toString(),
    );
    expect(decoded).toEqual(['my+client%3Aid:p%40ss+w%3A%2Fr%2Bd-_.%7E', 'my client:id:p@ss w:/r+d-_.~']);
    expect(tokenRequests()[0]?.body).toBe('grant_type=client_credentials&scope=api.read+api.write');
  });

  it('reuses a cached token across follow-up calls', async () => {
    for (let round = 0; round < 5; round += 1) await rig.run(oauth());
    expect(issued).toBe(1);
    expect(calls()).toHaveLength(5);
  });

  it('each unique combination of client credentials and scope gets its own cached token', async () => {
    await rig.run(oauth());
    await rig.run(oauth({ scope: 'other' }));
    await rig.run(oauth({ clientId: 'second' }));
    rig.secrets.set('oauth_client_secret', 'changed-secret');
    await rig.run(oauth());
    expect(issued).toBe(4);
    await rig.run(oauth());
    expect(issued).toBe(4);
  });

  it('500 concurrent calls make 1 token request', async () => {
    const results = await Promise.all(Array.from({ length: 500 }, () => rig.run(oauth())));
    expect(results.filter((result) => result.success)).toHaveLength(500);
    expect(issued).toBe(1);
  });

  it.each([
    ['no expires_in', { access_token: 't-xyz' }],
    ['expires_in as a string', { access_token: 't-xyz', token_type: 'bearer', expires_in: '3600' }],
  ])('takes an answer with %s', async (_name, body) => {
    answers = [{ body }];
    await rig.run(oauth());
    await rig.run(oauth());
    expect(issued).toBe(1);
    expect(calls()[1]?.headers.authorization).toBe('Bearer t-xyz');
  });

  it('fetches anew once the token has expired', async () => {
    answers = [{ body: { access_token: 'short', expires_in: 0 } }];
    await rig.run(oauth());
    await rig.run(oauth());
    expect(calls().map((request) => request.headers.authorization)).toEqual(['Bearer short', 'Bearer token-2']);
  });

  it('a 401 from the target drops the token, fetches once and repeats once', async () => {
    await rig.run(oauth());
    accepts = (authorization) => authorization === 'Bearer token-2';
    const result = await rig.run(oauth());
    expect(result).toMatchObject({ success: true, statusCode: 200 });
    expect(issued).toBe(2);
    accepts = () => false;
    expect(await rig.run(oauth())).toMatchObject({ success: false, statusCode: 401 });
    expect(issued).toBe(3);
    expect(calls()).toHaveLength(5);
  });

  it('50 calls that meet a revoked token make one token request', async () => {
    await rig.run(oauth());
    accepts = (authorization) => authorization !== 'Bearer token-1';
    const results = await Promise.all(Array.from({ length: 50 }, () => rig.run(oauth())));
    expect(results.every((result) => result.success)).toBe(true);
    expect(issued).toBe(2);
  });

  it('a token endpoint that is down or refuses fails the action, the target is not called, and nothing it wrote is repeated', async () => {
    answers = [
      { status: 401, body: { error: 'invalid_client', error_description: 'secret p@ss w:/r+d-_.~ is wrong' } },
    ];
    const refused = await rig.run(oauth());
    expect(refused.error).toMatchObject({ code: 'token' });
    expect(refused.error?.message).toBe(
      `The token endpoint localhost:${rig.target.port} answered 401 (invalid_client).`,
    );
    expect(calls()).toHaveLength(0);
    // For a moment the endpoint is left alone, and calls fail at once with the same reason.
    expect((await rig.run(oauth())).error?.message).toBe(refused.error?.message);
    expect(issued).toBe(1);
    const gone = await startHttpsTarget();
    await gone.close();
    const down = await rig.run(oauth({ tokenUrl: `https://localhost:${gone.port}/token` }));
    expect(down.error?.message).toContain('refused the connection');
    for (const body of [{}, { access_token: 'x\r\ny' }, { access_token: 'x', token_type: 'mac' }, 'text']) {
      answers = [{ body }];
      expect((await rig.run(oauth({ scope: `scope-${issued}` }))).error?.code).toBe('token');
    }
  });

  it('the token URL stands under the same guard, and cannot be chosen by the AI', async () => {
    const inside = await rig.run(oauth({ tokenUrl: 'https://127.0.0.1:1/token' }));
    expect(inside.error?.message).toContain('127.0.0.1 leads to 127.0.0.1, this machine itself');
    const chosen = await rig.run(oauth({ tokenUrl: `${rig.target.origin}/{where}` }), { args: { where: 'x' } });
    expect(chosen.error?.message).toContain('chosen by the AI cannot stand in authentication');
  });

  it('a token is fetched ahead of a call from where the action will ask, or not at all while that is not known', async () => {
    const warmed = async (attributes: { [name: string]: string }, more: object = {}) => {
      rig.target.requests.length = 0;
      const auth: object = oauth({ tokenUrl: `${rig.target.origin}/{tenant}/token` });
      const action = parseAction({ name: 'Ahead', method: 'GET', url: `${rig.target.origin}/`, ...auth, ...more });
      const user = createUserAttributes(attributes);
      await rig.executor.warm([{ organization: testOrganization, action, user }]);
      return rig.target.requests.map(({ url }) => url);
    };
    expect(await warmed({})).toEqual([]);
    expect(await warmed({ tenant: '' })).toEqual([]);
    const asked = { parameters: { type: 'object', properties: { tenant: { type: 'string' } } } };
    expect(await warmed({ tenant: 'oauth2' }, asked)).toEqual([]);
    expect(await warmed({ tenant: 'elsewhere' }, { staticValues: { tenant: 'oauth2' }, ...asked })).toEqual([
      '/oauth2/token',
    ]);
    expect(await warmed({ tenant: 'theirs' })).toEqual(['/theirs/token']);
  });

  it('supports secrets in the client secret alone', async () => {
    for (const field of ['tokenUrl', 'clientId', 'scope']) {
      const value = field === 'tokenUrl' ? 'https://a.test/{secret.x}' : '{secret.x}';
      await expect(async () => rig.run(oauth({ [field]: value }))).rejects.toThrow('cannot hold a secret');
    }
  });

  it('a token that never comes ends with the deadline of the call', async () => {
    rig.target.respond = () => {};
    const result = await rig.run({ ...(oauth() as object), limits: { timeout: 0.2 } });
    expect(result).toMatchObject({
      statusCode: 408,
      error: { code: 'timeout', message: 'Request timed out after 200ms' },
    });
  });
});
