import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { organization } from '../support/organization.js';
import { freePort } from '../support/ports.js';
import { rawReply, startRawPeer } from '../support/raw-peer.js';
import { startTwilioServer, type TwilioServer } from '../support/twilio-server.js';

let twilio: TwilioServer;
let gateway: TestGateway;
const publicUrl = 'https://voice.example.test/gw';
const [ours, other, mobile, bare] = ['+14155550100', '+14155550177', '+14155550199', '+14155550166'];

beforeAll(async () => {
  twilio = await startTwilioServer();
  const { accountSid, authToken, url: apiUrl } = twilio;
  gateway = await startGateway({
    config: { twilio: { accountSid, authToken, apiUrl } },
    env: { SIP_PUBLIC_ADDRESS: '203.0.113.5', RTP_PUBLIC_ADDRESS: '203.0.113.5', PUBLIC_URL: publicUrl },
  });
  await gateway.apply(
    organization([{ hangup: {} }], {
      numbers: [{ number: ours, agent: 'support', profile: 'twilio', verified: false }],
    }),
  );
}, 30_000);
afterAll(async () => {
  await gateway?.stop();
  await twilio?.close();
});
beforeEach(() => {
  twilio.requests.length = 0;
  for (const number of [ours, other]) {
    if (![...twilio.numbers.values()].some((each) => each.phone_number === number)) twilio.offered.add(number);
  }
});

const cli = async (...args: string[]) => {
  let [out, err] = ['', ''];
  const status = await runCli(args, {
    env: { VOICE_GATEWAY_URL: gateway.httpUrl, DATA_DIR: gateway.dataDir, PATH: process.env.PATH },
    cwd: '/',
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readStdin: async () => '',
    signal: new AbortController().signal,
  });
  return { status, out, err };
};
const verifiedHere = async (): Promise<unknown> =>
  ((await gateway.api(`/v1/numbers/${ours}`)).body as { verified: unknown }).verified;

/** Signs as Twilio's documentation says, without its package. */
const sign = (url: string, parameters: Record<string, string>, token = twilio.authToken): string =>
  createHmac('sha1', token)
    .update(
      Object.keys(parameters)
        .sort()
        .reduce((text, name) => text + name + parameters[name], url),
    )
    .digest('base64');
const post = async (path: string, parameters: Record<string, string>, headers: Record<string, string> = {}) => {
  const response = await fetch(`${gateway.httpUrl}${path}`, {
    method: 'POST',
    body: new URLSearchParams(parameters),
    headers: { 'x-twilio-signature': sign(`${publicUrl}${path}`, parameters), ...headers },
  });
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') };
};

describe('the trunk', () => {
  const calls = `sip:203.0.113.5:`;

  it('is made once, and nothing is changed the second time', async () => {
    const first = await cli('trunk', 'setup', 'twilio');
    expect([first.status, first.err]).toEqual([0, '']);
    const domain = `voice-gateway-${twilio.accountSid.slice(-12)}.pstn.twilio.com`;
    expect(first.out.split('\n').slice(0, 5)).toEqual([
      '+ trunk voice-gateway',
      `+ origination ${calls}${gateway.sipPort};transport=tcp`,
      '+ credential list voice-gateway',
      '+ credential voice-gateway',
      `+ termination ${domain}`,
    ]);
    expect(first.out).toMatch(/Password, shown this once: \S{12,}/);
    expect([...twilio.trunks.values()]).toMatchObject([
      { domain_name: domain, secure: false, transfer_mode: 'enable-all' },
    ]);
    twilio.requests.length = 0;
    const second = await cli('trunk', 'setup', 'twilio');
    expect(second.out).toContain('0 created or changed, 5 as it was');
    expect(second.out).not.toContain('Password');
    expect(twilio.changes()).toEqual([]);
  });

  it('changes only what differs, and takes numbers on', async () => {
    await gateway.api('/v1/twilio/numbers', { method: 'POST', body: { number: other, by: 'webhook' } });
    twilio.requests.length = 0;
    const arguments_ = ['--transfer', 'sip-only', '--number', other, '--origination', 'sip:198.51.100.7'];
    const { status, out } = await cli('trunk', 'setup', 'twilio', ...arguments_);
    expect(status).toBe(0);
    expect(out).toContain('~ trunk voice-gateway: transferMode\n~ origination sip:198.51.100.7: sipUrl\n');
    expect(out).toContain(`+ number ${other}\n`);
    expect(twilio.changes()).toHaveLength(3);
    expect((await cli('numbers', 'list')).out).toMatch(/\+14155550177 .*trunk TK/);
    expect((await cli('trunk', 'setup', 'twilio', ...arguments_)).out).toContain('0 created or changed');
  });

  it('is refused in a sentence before anything is changed', async () => {
    const secure = await cli('trunk', 'setup', 'twilio', '--secure');
    expect([secure.status, secure.err]).toEqual([6, 'A secure trunk needs TLS: add a tls: address to SIP_LISTEN.\n']);
    const strange = await cli('trunk', 'setup', 'twilio', '--number', '+14155550111');
    expect(strange.status).toBe(5);
    expect(strange.err).toContain('does not have +14155550111; nothing was changed');
    expect(twilio.changes()).toEqual([]);
  });
});

describe('numbers', () => {
  it('are searched, bought on the trunk, listed, and given back once no organization has them', async () => {
    await cli('trunk', 'setup', 'twilio');
    const found = await cli('numbers', 'search', '--area-code', '415');
    expect(found.out).toContain('+14155550100  San Francisco, CA  none');
    const bought = await cli('numbers', 'buy', ours);
    expect([bought.status, bought.out]).toEqual([0, `${ours} is bought; it is a number of acme.\n`]);
    // Bought here: that is proof enough.
    expect(await verifiedHere()).toBe(true);
    const listed = await cli('numbers', 'list', '--json');
    expect(JSON.parse(listed.out)).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ number: ours, organization: 'acme', verified: true })]),
    });
    const kept = await cli('numbers', 'release', ours);
    expect([kept.status, kept.err]).toEqual([7, expect.stringContaining('is a number of organization acme')]);
    expect((await cli('numbers', 'release', ours, '--force')).status).toBe(0);
    expect((await cli('numbers', 'release', ours, '--force')).status).toBe(5);
    await gateway.apply(
      organization([{ hangup: {} }], {
        numbers: [{ number: ours, agent: 'support', profile: 'twilio', verified: false }],
      }),
    );
  });

  it('are bought once for one Idempotency-Key', async () => {
    const buy = () =>
      gateway.api('/v1/twilio/numbers', {
        method: 'POST',
        body: { number: ours, by: 'webhook' },
        headers: { 'idempotency-key': 'purchase-1' },
      });
    const [first, second] = [await buy(), await buy()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(first.body).toMatchObject({ voiceUrl: `${publicUrl}/twilio/voice` });
    expect(second.body).toEqual(first.body);
    expect(twilio.changes()).toHaveLength(1);
    await cli('numbers', 'release', ours, '--force');
    await gateway.apply(
      organization([{ hangup: {} }], {
        numbers: [{ number: ours, agent: 'support', profile: 'twilio', verified: false }],
      }),
    );
  });

  it('count as verified when the code was pressed, by the callback and when asked', async () => {
    const { status, body } = await gateway.api('/v1/twilio/verifications', { method: 'POST', body: { number: ours } });
    const { code } = body as { code: string };
    expect([status, code]).toEqual([202, expect.stringMatching(/^\d{6}$/)]);
    expect(twilio.validations.at(-1)).toMatchObject({ status_callback: `${publicUrl}/twilio/status` });
    expect((await cli('numbers', 'verify', ours, '--check')).status).toBe(1);
    // A callback that says so is not believed: Twilio is asked.
    const callback = { VerificationStatus: 'success', To: ours, CallSid: 'CA1' };
    expect((await post('/twilio/status', callback)).status).toBe(204);
    expect(await verifiedHere()).toBe(false);
    expect(twilio.pressCode(ours, '000000')).toBe(false);
    expect(twilio.pressCode(ours, code)).toBe(true);
    expect((await post('/twilio/status', callback)).status).toBe(204);
    expect(await verifiedHere()).toBe(true);
    const asked = await cli('numbers', 'verify', ours, '--check');
    expect([asked.status, asked.out]).toEqual([0, `${ours} is verified at Twilio; here: verified in acme.\n`]);
    const calls = twilio.validations.length;
    const again = await cli('numbers', 'verify', ours);
    expect([again.status, again.err, again.out]).toEqual([0, '', asked.out]);
    expect(twilio.validations).toHaveLength(calls);
  });

  it('that are bought before an organization has them are verified without a call', async () => {
    twilio.offered.add(bare);
    const bought = await gateway.api('/v1/twilio/numbers', { method: 'POST', body: { number: bare, by: 'webhook' } });
    expect(bought).toMatchObject({ status: 201, body: { organization: null, verified: null } });
    const early = await cli('numbers', 'verify', bare);
    expect([early.status, early.out]).toEqual([0, `${bare} is owned at Twilio; here: no organization has it.\n`]);
    await gateway.apply(
      organization([{ hangup: {} }], {
        numbers: [{ number: bare, agent: 'support', profile: 'twilio', verified: false }],
      }),
    );
    const calls = twilio.validations.length;
    const { status, body } = await gateway.api('/v1/twilio/verifications', { method: 'POST', body: { number: bare } });
    expect([status, body]).toEqual([
      200,
      { number: bare, status: 'owned', organization: 'acme', verified: true, marked: true },
    ]);
    expect(twilio.validations).toHaveLength(calls);
  });
});

describe('what goes wrong at Twilio', () => {
  const list = () => gateway.api('/v1/twilio/numbers');

  it('is told in a sentence with its code', async () => {
    const taken = await gateway.api('/v1/twilio/numbers', { method: 'POST', body: { number: mobile, by: 'webhook' } });
    expect([taken.status, taken.body]).toMatchObject([
      502,
      {
        code: 'twilio_refused',
        message: 'The number is no longer for sale: search again and take another one. (Twilio error 21422)',
      },
    ]);
    twilio.trouble({ on: /IncomingPhoneNumbers/, status: 401, code: 20003, times: 1 });
    expect((await list()).body).toMatchObject({ message: expect.stringContaining('check TWILIO_ACCOUNT_SID') });
    twilio.trouble({ on: /IncomingPhoneNumbers/, status: 400, code: 29999, message: 'Something new.', times: 1 });
    expect((await list()).body).toMatchObject({
      message: 'Twilio refused: Something new (error 29999; www.twilio.com/docs/errors).',
    });
    twilio.trouble({ on: /IncomingPhoneNumbers/, status: 503, times: 1 });
    expect((await list()).body).toMatchObject({ statusCode: 503, code: 'twilio_unavailable' });
  });

  it('is tried again when it was too much, and not for ever', async () => {
    twilio.trouble({ on: /IncomingPhoneNumbers/, status: 429, code: 20429, retryAfter: 0, times: 2 });
    expect((await list()).status).toBe(200);
    expect(twilio.requests).toHaveLength(3);
    twilio.trouble({ on: /IncomingPhoneNumbers/, status: 429, code: 20429, retryAfter: 60, times: 1 });
    expect((await list()).body).toMatchObject({ code: 'twilio_unavailable', statusCode: 503 });
    expect(twilio.requests).toHaveLength(4);
  });
});

describe('webhooks', () => {
  const call = { CallSid: 'CA1234567890ABCDE', From: mobile, To: ours, Direction: 'inbound' };

  it('lead a call to the gateway, the number that was dialled in front', async () => {
    const { status, body, type } = await post('/twilio/voice', call);
    expect([status, type]).toEqual([200, 'text/xml; charset=utf-8']);
    expect(body).toContain('<Dial answerOnBridge="true" timeout="60" timeLimit="14400">');
    expect(body).toMatch(
      new RegExp(
        `<Sip [^>]*>sip:\\${ours}@203\\.0\\.113\\.5:${gateway.sipPort};transport=tcp</Sip></Dial></Response>$`,
      ),
    );
    expect(body).toContain(`statusCallback="${publicUrl}/twilio/status"`);
    expect((await post('/twilio/voice', { ...call, To: 'sip:x@y' })).body).toContain('<Reject reason="rejected"/>');
  });

  it('count by PUBLIC_URL, query and all, whatever a proxy has written', async () => {
    const forwarded = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' };
    expect((await post('/twilio/voice', call, forwarded)).status).toBe(200);
    expect((await post("/twilio/voice?a=b%20c&d='e'", call)).status).toBe(200);
    const asForwarded = { ...forwarded, 'x-twilio-signature': sign('http://evil.example/twilio/voice', call) };
    expect((await post('/twilio/voice', call, asForwarded)).status).toBe(403);
  });

  it('are refused when anything was tampered with', async () => {
    const good = sign(`${publicUrl}/twilio/voice`, call);
    const tampered: [string, Record<string, string>, string][] = [
      ['/twilio/voice', { ...call, To: mobile }, good],
      ['/twilio/voice', { ...call, Extra: '1' }, good],
      ['/twilio/voice?x=1', call, good],
      ['/twilio/status', call, good],
      ['/twilio/voice', call, ''],
      ['/twilio/voice', call, good.toLowerCase()],
      ['/twilio/voice', call, sign(`${publicUrl}/twilio/voice`, call, 'another-token')],
    ];
    for (const [path, parameters, signature] of tampered) {
      const { status, body } = await post(path, parameters, { 'x-twilio-signature': signature });
      expect([path, status]).toEqual([path, 403]);
      expect(body).not.toContain('<Dial');
    }
  });
});

describe('doctor', () => {
  it('looks at the account, at our addresses and at every SIP destination, from the gateway itself', async () => {
    const desk = await startRawPeer((message, self) => self.send(rawReply(message, '404 Not Found')));
    const place = (id: string, port: number) => ({ id, name: id, type: 'sip', value: `sip:${id}@127.0.0.1:${port}` });
    await gateway.apply(
      organization([{ hangup: {} }], {
        transferDestinations: [place('desk', desk.port), place('gone', await freePort())],
      }),
    );
    const found = await cli('doctor', '--json');
    desk.close();
    expect([found.status, found.err]).toEqual([1, 'One thing needs attention.\n']);
    const findings = JSON.parse(found.out) as { name: string; ok: boolean; warning?: true; says: string }[];
    const of = (name: string) => findings.find((each) => each.name === name);
    expect(of('twilio')).toEqual({ name: 'twilio', ok: true, says: 'account "Acme" is active' });
    expect(of('public address')).toMatchObject({ ok: true, says: 'is 203.0.113.5' });
    expect(of('destination acme/desk')?.says).toMatch(
      /: udp 127\.0\.0\.1:\d+ answers OPTIONS with 404 Not Found in \d+ ms$/,
    );
    expect(desk.received.map(({ method }) => method)).toContain('OPTIONS');
    expect(of('destination acme/gone')).toMatchObject({ ok: false, says: expect.stringContaining('203.0.113.5') });
    // Behind this NAT nobody comes back inside, which says nothing of those outside.
    expect(of('own SIP udp')).toMatchObject({ ok: true, warning: true });
  });
});
