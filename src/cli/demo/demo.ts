import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type TestGateway } from '../../../test/support/gateway.js';
import { toneLevel } from '../../../test/support/goertzel.js';
import { rtpPeer } from '../../../test/support/rtp-peer.js';
import { answering, startLine } from '../../../test/support/sip-in-line.js';
import {
  startZendeskServer,
  voiceTicket,
  type ZendeskServer,
  zendeskOrganization,
  zendeskUser,
} from '../../../test/support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../../../test/support/zendesk-webhook.js';
import { mintDashboardToken } from '../../platform/access/index.js';
import { readSecretFile } from '../../platform/vault/index.js';
import { placeTestCall } from '../../telephony/caller/index.js';
import { soundIn } from './heard.js';
import { checkInvite } from './line-checks.js';
import { caller, demoDocument, lineUser, number, ticketId } from './organization.js';
import { sessionWhen, timelineLines } from './session-view.js';
import { checkShop, orderId, startShop } from './shop.js';
import type { Story } from './story.js';

/** Tones by which caller and human are told apart, Hz. */
const callerTone = 440;
const humanTone = 900;

type Options = { readonly keep: boolean; readonly signal: AbortSignal };

/** Ends everything that was started, last first. */
type Endings = (() => Promise<unknown>)[];

/** The whole job on this machine. Nothing is printed as done that was not done; each claim is a check. */
export const runDemo = async (story: Story, options: Options): Promise<void> => {
  const endings: Endings = [];
  try {
    await play(story, options, endings);
  } finally {
    for (const end of endings.reverse()) await end().catch(() => {});
  }
};

const play = async (story: Story, options: Options, endings: Endings): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'voice-gateway-demo-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));

  story.step('The gateway starts on free ports, with its own SIP engine and its own Redis in a temporary folder.');
  const shop = await startShop(folder);
  endings.push(() => shop.target.close());
  const gateway = await startGateway({ dataDir: folder, env: shop.env });
  endings.push(() => gateway.stop());
  story.detail(`SIP on 127.0.0.1:${gateway.sipPort}, API on ${gateway.httpUrl}`);

  story.step('The stand-ins start: a Zendesk with a ticket, its SIP-IN line, played by sipp, and a shop.');
  const zendesk = await startZendesk(endings);
  const desk = await rtpPeer({ learn: true });
  endings.push(() => desk.close());
  const line = await startLine(answering(desk.sdp(), { ringFor: 600 }), { transport: 'tcp', timeout: 60_000 });
  endings.push(() => line.stop());
  const uri = `sip:${lineUser}@127.0.0.1:${line.port}`;
  story.detail(`ticket ${ticketId} waits in Zendesk at ${zendesk.url}; the line answers at ${uri}`);
  story.detail(
    `a shop knows of order ${orderId} at ${shop.target.origin}, with a certificate of the demo's own authority`,
  );

  story.step('An organization is set up: its Zendesk, a number, an agent with a script, and the line to a human.');
  await gateway.apply(
    demoDocument({
      ...{ linePort: line.port, shop: shop.target.origin },
      zendesk: { url: zendesk.url, ...zendesk.credentials },
    }),
  );
  const webhookUrl = await prefetchUrl(gateway, folder);
  story.check(webhookUrl.includes('/voice-prefetch/'), 'the gateway gave out the address of its prefetch webhook');

  story.step(`A telephone on this machine calls ${number}: a real SIP call with real sound (RTP).`);
  const hangUp = new AbortController();
  options.signal.addEventListener('abort', () => hangUp.abort(), { once: true });
  const heard = join(folder, 'heard-by-the-caller.wav');
  let answered: () => void = () => {};
  const up = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const call = placeTestCall(
    {
      ...{ uri: `sip:${number}@127.0.0.1:${gateway.sipPort}`, from: caller, display: null, headers: {} },
      audio: { type: 'frequency', hz: callerTone, durationMs: 1_000 },
      ...{ repeat: true, presses: [{ digit: '1', afterMs: 3_000 }], record: heard },
      ...{ secureMedia: false, digest: null, hangUpAfter: 45_000, ringTimeout: 15_000, signal: hangUp.signal },
    },
    (name, text) => {
      story.detail(text);
      if (name === 'answered' || name === 'failed') answered();
    },
  );
  await up;

  story.step('Zendesk has made a ticket of the call; its trigger sends the prefetch webhook.');
  const webhook = await sendWebhook(
    webhookUrl,
    renderTrigger({ id: ticketId, caller: '+1 (415) 555-0123', title: 'Phone call' }),
  );
  story.check(
    webhook.status === 200 && webhook.body.success,
    `the webhook was answered: ${webhook.body.message}`,
    String(webhook.status),
  );
  const stamped = await sessionWhen(gateway, (session) =>
    session.timeline.some((entry) => entry.type === 'contact.enriched'),
  );
  story.check(
    stamped.zendeskTicketId === ticketId,
    `the session carries ticket ${ticketId}`,
    String(stamped.zendeskTicketId),
  );
  const contact = (await gateway.api(`/v1/contacts/${stamped.contactId}`)).body as Readonly<Record<string, unknown>>;
  story.check(
    contact.name === 'Ada Lovelace' && contact.email === 'ada@example.test',
    "the contact has the requester's name and address from Zendesk",
    JSON.stringify(contact),
  );
  story.check(
    zendesk.requests.every((request) => !request.path.includes('search')),
    'Zendesk was never asked to search',
  );

  story.step('The caller presses 1; the agent asks the shop, tells the answer and transfers the call to the human.');
  const joined = await sessionWhen(
    gateway,
    (session) => session.status === 'transferred' || session.status === 'ended',
    20_000,
  );
  story.check(joined.status === 'transferred', 'the line answered, and the agent left the call', joined.status);
  if (joined.status === 'transferred') {
    await desk.until('a packet of the caller', () => desk.packets.length > 0).catch(() => {});
    const stopTone = desk.tone(humanTone);
    const heardAtDesk = await desk
      .until("the caller's tone", () => desk.packets.length > 0 && hearsTone(desk.heard(), callerTone))
      .then(() => true)
      .catch(() => false);
    story.check(heardAtDesk, 'the human hears the caller');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    stopTone();
  }
  story.detail('the caller hangs up');
  hangUp.abort();
  const report = await call;
  const result = await line.done;
  const { sound, tone } = report.answered ? await soundIn(heard, humanTone) : { sound: 0, tone: 0 };
  story.check(sound > 1, `the caller heard sound: ${sound.toFixed(1)} s`, `${sound.toFixed(1)} s`);
  story.check(tone > 0.5, `the caller heard the human: ${tone.toFixed(1)} s`, `${tone.toFixed(1)} s`);
  story.check(
    result.code === 0,
    'the line got ACK and BYE: for sipp the call went as it should',
    result.errors.slice(0, 200),
  );

  story.step('What the line received, judged header by header.');
  const session = await sessionWhen(gateway, (now) => now.status === 'ended');
  checkInvite(story, result.invites[0], session, uri);
  story.block('INVITE as received by the line', (result.invites[0]?.text ?? '').split(/\r?\n/));

  story.step('What the shop was asked by the agent, over HTTPS.');
  checkShop(story, shop, session);

  story.step('The phone session, as the API tells it afterwards.');
  story.detail(`session ${session.id}: ${session.status}, ${session.endReason}`);
  story.check(session.endReason === 'caller-hangup', 'the caller ended the call', String(session.endReason));
  story.check(session.caller.e164 === caller && session.called === number, 'caller and called number are right');
  story.check(
    session.transfer?.outcome === 'connected',
    'the transfer is recorded as connected',
    JSON.stringify(session.transfer),
  );
  const types = session.timeline.map((entry) => entry.type);
  for (const type of [
    'call.answered',
    'prefetch.stamped',
    'contact.enriched',
    'dtmf.received',
    'action.run',
    'transfer.connected',
    'call.ended',
  ]) {
    story.check(types.includes(type), `the timeline has ${type}`);
  }
  story.block('Timeline', timelineLines(session.timeline));
  const ladder = String((await gateway.api(`/v1/sessions/${session.id}/ladder?format=text`)).body);
  story.check(
    ['INVITE', '200 OK', 'ACK', 'BYE'].every((word) => ladder.includes(word)) && ladder.includes(String(line.port)),
    'the ladder shows both legs',
  );
  story.block('SIP ladder', ladder.split('\n'));
  if (options.keep && story.failures.length === 0) await keepUp(story, gateway, folder, options.signal);
};

const startZendesk = async (endings: Endings): Promise<ZendeskServer> => {
  const zendesk = await startZendeskServer();
  endings.push(() => zendesk.close());
  zendesk.tickets.set(ticketId, voiceTicket(Number(ticketId)));
  zendesk.users.set('7101', zendeskUser(7_101));
  zendesk.organizations.set('8101', zendeskOrganization(8_101));
  return zendesk;
};

/** The address an administrator would copy from the dashboard, asked for with a token of role admin. */
const prefetchUrl = async (gateway: TestGateway, dataDir: string): Promise<string> => {
  const token = await mintDashboardToken({
    secret: readSecretFile(join(dataDir, 'dashboard-jwt-secret')) ?? '',
    ...{ sub: 'demo', org: 'acme', role: 'admin', ttl: 600, now: Date.now() },
  });
  const { body } = await gateway.api('/backend/zendesk-v2/voice-prefetch-url', {
    headers: { authorization: `Bearer ${token}` },
  });
  return (body as { webhookUrl?: string }).webhookUrl ?? '';
};

const hearsTone = (samples: Int16Array, hz: number): boolean => toneLevel(samples.slice(-1_600), hz) > -25;

const keepUp = async (story: Story, gateway: TestGateway, folder: string, signal: AbortSignal): Promise<void> => {
  story.step('The gateway stays up until Ctrl-C.');
  story.detail(`VOICE_GATEWAY_URL=${gateway.httpUrl} DATA_DIR=${folder} npx voice-gateway sessions`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
};
