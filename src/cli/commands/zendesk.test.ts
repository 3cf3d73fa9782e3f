import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startZendeskRig, type ZendeskRig } from '../../../test/support/zendesk-rig.js';
import { voiceTicket, zendeskUser } from '../../../test/support/zendesk-server.js';
import { runCli } from '../program.js';

let rig: ZendeskRig;
const ada = '+14155550123';

beforeAll(async () => {
  rig = await startZendeskRig();
  rig.server.tickets.set('4711', voiceTicket(4_711));
  rig.server.users.set('7101', zendeskUser(7_101));
});
afterAll(() => rig.close());
beforeEach(() => rig.fresh());

const check = async (args: readonly string[] = [], token?: string, on = rig) => {
  let [out, err] = ['', ''];
  const status = await runCli(['zendesk', 'check', '--org', on.org, ...args], {
    env: {
      VOICE_GATEWAY_URL: on.api.url,
      DATA_DIR: on.api.dataDir,
      ...(token === undefined ? {} : { VOICE_GATEWAY_TOKEN: token }),
    },
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

describe('zendesk check', () => {
  it('shows what to paste, who the credentials are, and how the last webhooks were answered', async () => {
    await rig.call(ada);
    await rig.trigger({ id: 4711, caller: ada });
    const { status, out, err } = await check();
    expect(out).toContain(`Zendesk       ${rig.server.url}`);
    expect(out).toContain(
      `Credentials   ok: Zendesk takes the credentials of ${rig.server.credentials.email} (admin).`,
    );
    expect(out).toContain(await rig.webhookUrl());
    expect(out).toContain('"caller_phone": "{{ticket.via.source.from.phone}}"');
    expect(out).toContain('Contains none of the following: call_overflow');
    expect(out).toMatch(/200 ok {2,}4711 {2,}Ticket 4711 is stamped on session /);
    // This gateway is reached by no Zendesk: all else is well.
    expect([status, err]).toEqual([
      1,
      'One thing needs attention.\n  The webhook URL leads to this machine only: set PUBLIC_URL to the address Zendesk can reach.\n',
    ]);
  });

  it('names each fault in a sentence', async () => {
    await rig.connect({ auth: { type: 'apiToken', email: 'x@acme.test', token: 'wrong-token' } });
    const { status, out, err } = await check();
    expect(status).toBe(1);
    expect(out).toContain('Credentials   FAIL: Zendesk does not accept the credentials (401).');
    expect(out).toContain('  none\n');
    expect(err.split('\n')).toEqual([
      '3 things need attention.',
      '  Zendesk does not accept the credentials (401).',
      expect.stringContaining('PUBLIC_URL'),
      expect.stringContaining('No webhook has arrived'),
      '',
    ]);
    expect(out + err).not.toContain('wrong-token');
  });

  it('prints the whole answer as JSON', async () => {
    const { status, out } = await check(['--json']);
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      organization: rig.org,
      credentials: { ok: true },
      webhook: { url: await rig.webhookUrl(), signed: false },
      problems: expect.arrayContaining([expect.stringContaining('PUBLIC_URL')]),
    });
  });

  it('ends with 0 when nothing is wrong', async () => {
    const reachable = await startZendeskRig({ publicUrl: 'https://gateway.example' });
    try {
      reachable.server.tickets.set('4711', voiceTicket(4_711));
      await reachable.call(ada);
      await reachable.trigger({ id: 4711, caller: ada });
      const { status, out, err } = await check([], undefined, reachable);
      expect([status, err]).toEqual([0, '']);
      expect(out).toContain('https://gateway.example/backend/zendesk-v2/voice-prefetch/');
    } finally {
      await reachable.close();
    }
  });

  it('is refused to viewers and for organizations that are not there', async () => {
    expect((await check([], await rig.api.token('viewer', rig.org))).status).toBe(4);
    expect(await check(['--org', 'nobody'])).toMatchObject({ status: 5, out: '' });
  });
});
