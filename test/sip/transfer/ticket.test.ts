import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { onEmbeddedEngine } from '../../support/embedded-engine.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { type RingingLine, startRingingLine } from '../../support/ringing-line.js';
import { type RtpPeer, rtpPeer } from '../../support/rtp-peer.js';
import { onDrachtioServer } from '../../support/sip-application.js';
import {
  type Caller,
  callerNumber,
  plainDestination,
  startTransferRig,
  type TransferRig,
} from '../../support/transfer-rig.js';
import { until } from '../../support/until.js';
import {
  startZendeskServer,
  voiceTicket,
  type ZendeskServer,
  zendeskOrganization,
  zendeskUser,
} from '../../support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../../support/zendesk-webhook.js';

let zendesk: ZendeskServer;

const connectedTo = (settings: Readonly<Record<string, unknown>> = {}) => {
  const { email, token } = zendesk.credentials;
  return {
    organization: {
      id: 'acme',
      zendesk: {
        baseUrl: zendesk.url,
        auth: { type: 'apiToken', email, token },
        ...{ notes: false, createTicket: false },
        ...settings,
      },
    },
  };
};
const webhook = async (gateway: TestGateway, id: number) => {
  const { body } = await gateway.api('/backend/zendesk-v2/voice-prefetch-url');
  const { pathname } = new URL((body as { webhookUrl: string }).webhookUrl);
  return (await sendWebhook(gateway.httpUrl + pathname, renderTrigger({ id, caller: callerNumber }))).body;
};

beforeAll(async () => {
  zendesk = await startZendeskServer();
});
afterAll(() => zendesk.close());
beforeEach(() => {
  zendesk.calm();
  zendesk.requests.length = 0;
  zendesk.comments.length = 0;
  zendesk.tickets.clear();
  zendesk.tickets.set('4711', voiceTicket(4_711));
  zendesk.users.set('7101', zendeskUser(7_101));
  zendesk.organizations.set('8101', zendeskOrganization(8_101));
});

// The stand-in for Zendesk speaks plain HTTP, which only a gateway that is on loopback alone may use.
describe.skipIf(onDrachtioServer)('a webhook and the INVITE of a transfer', () => {
  let rig: TransferRig;
  let line: RingingLine;
  let desk: RtpPeer;
  let caller: Caller;

  beforeAll(async () => {
    rig = await startTransferRig();
  });
  afterAll(() => rig.close());
  beforeEach(async () => {
    line = await startRingingLine();
    desk = await rtpPeer({ learn: true });
    await rig.setUp(
      [{ play: 'agent.wav' }],
      [
        {
          ...plainDestination,
          ...{ id: 'zendesk', name: 'Zendesk', type: 'sip', profile: 'zendesk-sip-in' },
          value: `sip:support@127.0.0.1:${line.port};transport=udp`,
        },
      ],
    );
  });
  afterEach(async () => {
    await caller.dialog.bye();
    await caller.until('its end', ({ status }) => status === 'ended');
    line.close();
    await desk.close();
  });

  it('that lands between the request and the INVITE is carried', async () => {
    await rig.gateway.apply(connectedTo({ createTicket: true }));
    caller = await rig.call();
    // The gateway waits for a ticket of its own, up to 2 s: the webhook lands in that gap.
    zendesk.trouble({ on: /POST .*tickets\.json/, status: 503, delay: 1_000 });
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    await until('the request for a ticket', () => zendesk.requests.some(({ method }) => method === 'POST'));
    expect(line.received).toEqual([]);
    expect(await webhook(rig.gateway, 4_711)).toMatchObject({ success: true, sessionId: caller.sessionId });
    const invite = await line.until('INVITE');
    await line.answer(desk.sdp());
    expect((await transfer).body).toMatchObject({ outcome: 'connected', ticketId: '4711', ticketReason: null });
    expect(invite.lines('X-OPENCX-ZENDESK-TICKET-ID')).toEqual(['X-OPENCX-ZENDESK-TICKET-ID: 4711']);
    expect(invite.lines('X-Zendesk-Ticket-Id')).toEqual(['X-Zendesk-Ticket-Id: 4711']);
  });

  it('that lands after the INVITE is not on it, and with notes on the ticket is told of the call', async () => {
    await rig.gateway.apply(connectedTo({ notes: true }));
    caller = await rig.call();
    const transfer = caller.transfer({ destination: 'zendesk', summary: 'Wants a refund' }, { wait: true });
    const invite = await line.until('INVITE');
    expect(await webhook(rig.gateway, 4_711)).toMatchObject({ success: true, sessionId: caller.sessionId });
    await line.answer(desk.sdp());
    expect((await transfer).body).toMatchObject({ outcome: 'connected', ticketId: null, ticketReason: 'not-stamped' });
    expect(invite.text).not.toContain('4711');
    // RFC 7433: the summary in hex.
    expect(invite.lines('User-to-User')).toEqual(['User-to-User: 57616e7473206120726566756e64;encoding=hex']);
    const session = await caller.until('the note', ({ timeline }) =>
      timeline.some(({ type, data }) => type === 'ticket.noted' && data.note === 'late-note'),
    );
    expect(session.zendeskTicketId).toBe('4711');
    expect(zendesk.comments).toMatchObject([
      { ticketId: '4711', public: false, body: expect.stringContaining(`Session: ${session.id}`) },
    ]);
    expect(zendesk.comments[0]?.body).toContain('Summary: Wants a refund');
    expect(zendesk.requests.filter(({ path }) => path.includes('search'))).toEqual([]);
  });

  it('is not waited for when Redis is silent: the INVITE has the last stamp that was seen', async () => {
    await rig.gateway.apply(connectedTo());
    caller = await rig.call();
    expect(await webhook(rig.gateway, 4_711)).toMatchObject({ success: true });
    const [pid = ''] = readFileSync(join(rig.gateway.dataDir, 'redis', 'server.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGSTOP');
    try {
      // Nor does giving a ringing transfer up need it.
      expect((await caller.transfer({ destination: 'zendesk' })).status).toBe(202);
      await line.until('INVITE');
      const cancelled = await rig.gateway.api(`/v1/sessions/${caller.sessionId}/transfer`, { method: 'DELETE' });
      expect(cancelled).toMatchObject({ status: 200, body: { outcome: 'cancelled' } });
      line.forget();
      const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
      const invite = await line.until('INVITE');
      await line.answer(desk.sdp());
      expect(invite.lines('X-Zendesk-Ticket-Id')).toEqual(['X-Zendesk-Ticket-Id: 4711']);
      expect((await transfer).body).toMatchObject({
        outcome: 'connected',
        ticketId: '4711',
        ticketReason: 'last-known',
      });
    } finally {
      process.kill(Number(pid), 'SIGCONT');
    }
    const session = await caller.until('the record', ({ transfer }) => transfer?.outcome === 'connected');
    expect(session.timeline.find(({ type }) => type === 'transfer.started')?.data).toMatchObject({
      ticketReason: 'last-known',
    });
  });

  it('before the call is kept where the organization says so, and the call is born with its ticket', async () => {
    await rig.gateway.apply(connectedTo({ holdEarlyPrefetch: 30 }));
    expect(await webhook(rig.gateway, 4_711)).toMatchObject({ success: false });
    caller = await rig.call();
    const transfer = caller.transfer({ destination: 'zendesk' }, { wait: true });
    const invite = await line.until('INVITE');
    await line.answer(desk.sdp());
    expect((await transfer).body).toMatchObject({ ticketId: '4711' });
    expect(invite.lines('X-Zendesk-Ticket-Id')).toEqual(['X-Zendesk-Ticket-Id: 4711']);
    await rig.gateway.apply(connectedTo({ holdEarlyPrefetch: 0 }));
  });
});

onEmbeddedEngine(
  'an enrichment is done by the next process when the gateway is killed half-way',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'vg-killed-'));
    let gateway: TestGateway | null = null;
    let rig: TransferRig | null = null;
    try {
      rig = await startTransferRig({ dataDir });
      gateway = rig.gateway;
      await rig.setUp([{ play: 'agent.wav' }], []);
      await gateway.apply(connectedTo());
      const caller = await rig.call();
      zendesk.trouble({ on: /users/, status: 503, retryAfter: 30, times: 1 });
      expect(await webhook(gateway, 4_711)).toMatchObject({ success: true });
      await until('the user to be asked for', () => zendesk.requests.some(({ path }) => path.includes('users')));
      gateway.signal('SIGKILL');
      await gateway.exited;
      const next = await startGateway({ dataDir });
      gateway = next;
      const session = await until(
        'the enrichment',
        async () => {
          const { body } = await next.api(`/v1/sessions/${caller.sessionId}`);
          const found = body as { contactId: string; zendeskTicketId: string; timeline: { type: string }[] };
          return found.timeline?.some(({ type }) => type === 'contact.enriched') ? found : null;
        },
        20_000,
      );
      expect(session.zendeskTicketId).toBe('4711');
      expect(session.timeline.filter(({ type }) => type === 'contact.enriched')).toHaveLength(1);
      expect((await next.api(`/v1/contacts/${session.contactId}`)).body).toMatchObject({
        name: 'Ada Lovelace',
        custom_data: { tier: 'gold', org_plan: 'enterprise' },
      });
    } finally {
      await gateway?.stop();
      await rig?.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
  120_000,
);
