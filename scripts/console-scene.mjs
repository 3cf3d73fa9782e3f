// The scene of the pictures: the shop Acme with its support line, and what happens there while they are taken.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoDocument, ticketId } from '../dist/src/cli/demo/organization.js';
import { startShop } from '../dist/src/cli/demo/shop.js';
import { createCertificateAuthority } from '../dist/src/core/x509.js';
import { jwtSecretFile, mintDashboardToken } from '../dist/src/platform/access/index.js';
import { placeTestCall } from '../dist/src/telephony/caller/index.js';
import { startGateway } from '../dist/test/support/gateway.js';
import { startRingingLine } from '../dist/test/support/ringing-line.js';
import { rtpPeer } from '../dist/test/support/rtp-peer.js';
import { startTwilioServer } from '../dist/test/support/twilio-server.js';
import { until } from '../dist/test/support/until.js';
import { startZendeskServer, voiceTicket, zendeskUser } from '../dist/test/support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../dist/test/support/zendesk-webhook.js';
import { seedDeadLetter, seedHistory } from './console-history.mjs';

const support = '+14155550100';
const sales = '+14155550142';
const day = 86_400_000;

/** Asks for a key again and again, as long as the pictures take. */
const patient = (welcome, choices) => ({
  type: 'builtin',
  script: {
    steps: [
      { say: welcome },
      ...Array.from({ length: 10 }, () => ({
        ask: { say: 'Press one to talk to a person.', digits: 1, timeout: 120, choices },
      })),
    ],
  },
});

const documentOf = ({ line, billing, shop, zendesk }) => {
  const demo = demoDocument({ linePort: line.port, shop, zendesk: { url: zendesk.url, ...zendesk.credentials } });
  const secret = 'signing-secret-of-the-webhook';
  const { zendesk: connection } = demo.organization;
  const refund = {
    ...{ name: 'Refund', slug: 'refund', description: 'Gives the money of an order back', method: 'POST' },
    url: `${shop}/refunds`,
    body: { order: '{order_id}', amount: '{amount}' },
    parameters: {
      type: 'object',
      properties: { order_id: { type: 'string' }, amount: { type: 'number' } },
      required: ['order_id', 'amount'],
    },
    auth: { type: 'header', headers: { Authorization: 'Bearer {secret.shop}' } },
  };
  const destination = demo.transferDestinations[0];
  return {
    secret,
    document: {
      ...demo,
      organization: { ...demo.organization, zendesk: { ...connection, webhookSigningSecret: secret } },
      numbers: [
        ...demo.numbers,
        { number: sales, agent: 'sales', profile: 'local', verified: true },
        { number: '+14155550161', agent: 'night', profile: 'twilio', verified: true },
        { number: '+14155550182', agent: 'night', profile: 'twilio', verified: false },
      ],
      agents: [
        {
          ...demo.agents[0],
          ...{ transferDestinations: ['zendesk', 'billing'], actions: ['order_status', 'refund'], record: true },
          leg: patient('Welcome to Acme.', { 1: [{ transfer: { destination: 'zendesk' } }] }),
        },
        {
          ...{ id: 'sales', name: 'Sales', transferDestinations: ['zendesk', 'mobile'] },
          leg: patient('Acme sales.', { 1: [{ transfer: { destination: 'zendesk' } }] }),
        },
        {
          ...{ id: 'night', name: 'Night desk', transferDestinations: ['mobile'], fallback: 'mobile' },
          leg: { type: 'websocket', url: 'wss://bots.acme.example/night' },
        },
      ],
      transferDestinations: [
        { ...destination, name: 'Zendesk support line', value: `sip:support@127.0.0.1:${line.port};transport=udp` },
        {
          ...{ id: 'billing', name: 'Billing', type: 'sip', profile: 'zendesk-sip-in', ringTimeout: 600 },
          ...{ value: `sip:billing@127.0.0.1:${billing.port};transport=udp`, onFailure: 'next', next: 'zendesk' },
        },
        {
          ...{ id: 'mobile', name: 'On call', type: 'phone', value: '+14155550199', profile: 'twilio' },
          ...{ trunk: 'sip:acme.pstn.twilio.com', onFailure: 'return' },
        },
      ],
      actions: [...demo.actions, refund],
      variables: { ...demo.variables, 'X-Shop-Region': 'us-west' },
      secrets: { shop: 'a-secret-of-the-shop', crm: 'a-secret-of-the-crm' },
    },
  };
};

export const startScene = async (say) => {
  const endings = [];
  const close = async () => {
    for (const end of endings.reverse()) await Promise.resolve(end()).catch(() => {});
  };
  try {
    const data = await mkdtemp(join(tmpdir(), 'vg-screenshots-'));
    endings.push(() => rm(data, { recursive: true, force: true }));
    const shop = await startShop(data);
    endings.push(() => shop.target.close());
    const zendesk = await startZendeskServer();
    endings.push(() => zendesk.close());
    const twilio = await startTwilioServer();
    endings.push(() => twilio.close());
    for (const each of [sales, '+14155550143', '+14155550144', '+14155550161']) twilio.offered.add(each);
    const [line, billing] = [await startRingingLine(), await startRingingLine()];
    endings.push(line.close, billing.close);
    const gateway = await startGateway({
      dataDir: data,
      env: shop.env,
      config: { twilio: { accountSid: twilio.accountSid, authToken: twilio.authToken, apiUrl: twilio.url } },
    });
    endings.push(() => gateway.stop());
    const { document, secret } = documentOf({ line, billing, shop: shop.target.origin, zendesk });
    await gateway.apply(document);
    for (const number of [sales, '+14155550161']) {
      await gateway.api('/v1/twilio/numbers', { method: 'POST', body: { number, by: 'webhook' } });
    }
    const authority = createCertificateAuthority('Acme internal CA');
    const soon = { name: 'acme-shop-client', notBefore: new Date(Date.now() - 70 * day) };
    const issued = authority.issue({ ...soon, notAfter: new Date(Date.now() + 20 * day) });
    const body = { certificate: issued.certificate, key: issued.privateKey };
    await gateway.api('/v1/certificates/shop_client', { method: 'PUT', body });
    await seedHistory({ dataDir: data, orgId: 'acme', count: 120 });
    const { webhookUrl } = (await gateway.api('/backend/zendesk-v2/voice-prefetch-url')).body;
    const token = async (org) => {
      const key = (await readFile(join(data, jwtSecretFile), 'utf8')).trim();
      return mintDashboardToken({
        secret: key,
        sub: `ada@${org}.test`,
        org,
        role: 'admin',
        ttl: 3_600,
        now: Date.now(),
      });
    };
    say('set up');
    return { endings, close, data, zendesk, line, billing, gateway, secret, webhookUrl, token };
  } catch (error) {
    await close();
    throw error;
  }
};

/** A call that stays until `hangUp`. */
const dial = async ({ gateway, endings }, { from, display = null, to = support, headers = {} }) => {
  const end = new AbortController();
  const live = async () => (await gateway.api('/v1/sessions?live=true')).body.items;
  const known = new Set((await live()).map(({ id }) => id));
  const done = placeTestCall(
    {
      uri: `sip:${to}@127.0.0.1:${gateway.sipPort}`,
      ...{ from, display, headers, presses: [], record: null, secureMedia: false, digest: null },
      audio: { type: 'frequency', hz: 440, durationMs: 1_000 },
      ...{ repeat: true, hangUpAfter: null, ringTimeout: 30_000, signal: end.signal },
    },
    () => {},
  );
  const hangUp = async () => {
    end.abort();
    await done;
  };
  endings.push(hangUp);
  const fits = ({ id, status }) => !known.has(id) && status === 'active';
  const id = await until('the session', async () => (await live()).find(fits)?.id ?? null, 60_000);
  return { id, hangUp };
};

/** A call that is turned away, for the page that tells why. */
const refused = ({ gateway }, { from, to }) =>
  placeTestCall(
    {
      uri: `sip:${to}@127.0.0.1:${gateway.sipPort}`,
      ...{ from, display: null, headers: {}, audio: null, repeat: false, presses: [], record: null },
      ...{ secureMedia: false, digest: null, hangUpAfter: null, ringTimeout: 10_000 },
      signal: new AbortController().signal,
    },
    () => {},
  );

const statusOf = ({ gateway }, id, wanted) =>
  until(
    `status ${wanted}`,
    async () => (await gateway.api(`/v1/sessions/${id}`)).body.status === wanted || null,
    60_000,
  );

const transfer = ({ gateway }, id, body) => gateway.api(`/v1/sessions/${id}/transfer`, { method: 'POST', body });

/** Zendesk makes a ticket of the call. */
const ticketed = (scene, { ticket, caller, title, user }) => {
  const { zendesk, webhookUrl, secret } = scene;
  zendesk.tickets.set(String(ticket), voiceTicket(ticket, { requester_id: user.id }));
  zendesk.users.set(String(user.id), zendeskUser(user.id, { ...user, phone: caller, external_id: null }));
  return sendWebhook(webhookUrl, renderTrigger({ id: ticket, caller, title }), { secret });
};

const action = ({ gateway }, id, slug, attributes) =>
  gateway.api(`/v1/sessions/${id}/actions/${slug}`, { method: 'POST', body: { attributes } });

/** The line answers and somebody speaks there; the function ends their talking. */
const humanAnswers = async (scene, id) => {
  const { line, endings } = scene;
  const human = await rtpPeer({ learn: true });
  endings.push(() => human.close());
  await line.until('INVITE');
  await line.answer(human.sdp());
  await statusOf(scene, id, 'transferred');
  endings.push(human.tone(600));
};

/** A call with ticket, actions and a human, recorded, that has ended. */
const recordedCall = async (scene, say) => {
  const caller = '+14155550109';
  const call = await dial(scene, { from: caller, display: 'Margaret Hamilton' });
  const user = { id: 7_205, name: 'Margaret Hamilton', email: 'margaret@example.test' };
  await ticketed(scene, { ticket: 35_435, caller, title: 'Refund of order 4702', user });
  await action(scene, call.id, 'order_status', { order_id: '4711' });
  await action(scene, call.id, 'refund', { order_id: '4702', amount: 40 });
  await transfer(scene, call.id, { destination: 'zendesk', summary: 'Wants 40 dollars for order 4702 back.' });
  await humanAnswers(scene, call.id);
  // Long enough to be a talk, and for the plot of its sound.
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.TALK_SECONDS ?? 31) * 1_000));
  await scene.line.request('BYE');
  await statusOf(scene, call.id, 'ended');
  scene.line.forget();
  say('a call has ended');
  return call.id;
};

/** One call from its first INVITE on, with ticket, action, a line that is busy and then a human. */
const callWithHuman = async (scene, say) => {
  const caller = '+14155550123';
  const call = await dial(scene, { from: caller, display: 'Ada Lovelace' });
  const user = { id: 7_101, name: 'Ada Lovelace', email: 'ada@example.test' };
  await ticketed(scene, { ticket: Number(ticketId), caller, title: 'Where is my order?', user });
  await action(scene, call.id, 'order_status', { order_id: '4711' });
  const body = { destination: 'zendesk', summary: 'Asks where order 4711 is; it is on its way.' };
  await transfer(scene, call.id, body);
  await scene.line.until('INVITE');
  await scene.line.refuse('486 Busy Here');
  await statusOf(scene, call.id, 'active');
  scene.line.forget();
  await transfer(scene, call.id, body);
  await humanAnswers(scene, call.id);
  say('a call is with the human');
  return call.id;
};

/** Everything that happens before the pictures; resolves with the ids of the calls that have pictures of their own. */
export const callsOfTheDay = async (scene, say) => {
  const { gateway, webhookUrl, secret } = scene;
  const { id: endpointId } = (
    await gateway.api('/v1/webhooks', { method: 'POST', body: { url: 'https://crm.acme.example/hooks/calls' } })
  ).body;
  await gateway.api('/v1/webhooks', {
    method: 'POST',
    body: { url: 'https://board.acme.example/api/phone?team=support', events: ['phone_call.transfer_failed'] },
  });
  const recorded = await recordedCall(scene, say);
  await seedDeadLetter({ dataDir: scene.data, orgId: 'acme', endpointId, sessionId: recorded });
  const withHuman = await callWithHuman(scene, say);
  const alan = await dial(scene, { from: '+14155550166', display: 'Alan Turing' });
  const user = { id: 7_301, name: 'Alan Turing', email: 'alan@example.test' };
  await ticketed(scene, { ticket: 35_437, caller: '+14155550166', title: 'Invoice of November', user });
  await transfer(scene, alan.id, { destination: 'billing', summary: 'Has a question about the invoice of November.' });
  await dial(scene, { from: '+442079460018', display: 'Grace Hopper', to: sales });
  await dial(scene, { from: 'anonymous', headers: { Privacy: 'id' } });
  await sendWebhook(webhookUrl, renderTrigger({ id: 35_438, caller: '+14155550170', title: 'Call me back' }), {
    secret,
  });
  await sendWebhook(webhookUrl, renderTrigger({ id: '', caller: '+14155550123', title: 'Test' }), { secret });
  await refused(scene, { from: '+14155550123', to: '+14155550177' });
  await refused(scene, { from: '+14155550188', to: '+14155550161' });
  await refused(scene, { from: '+442079460055', to: '+14155550182' });
  await gateway.apply({ organization: { id: 'globex', name: 'Globex', defaultCountry: 'US' } });
  say('waiting for a plot');
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.PLOT_SECONDS ?? 45) * 1_000));
  return { withHuman, recorded };
};
