// Takes the pictures of every page of the console for docs/console, with the data of the demo: a gateway, a Zendesk, its
// line, a shop and Twilio's account, all of this machine. Run by `npm run console:screenshots`.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoDocument, ticketId } from '../dist/src/cli/demo/organization.js';
import { startShop } from '../dist/src/cli/demo/shop.js';
import { placeTestCall } from '../dist/src/telephony/caller/index.js';
import { startBrowser } from '../dist/test/support/console-rig.js';
import { seedCrowd } from '../dist/test/support/crowd.js';
import { startGateway } from '../dist/test/support/gateway.js';
import { startRingingLine } from '../dist/test/support/ringing-line.js';
import { rtpPeer } from '../dist/test/support/rtp-peer.js';
import { startTwilioServer } from '../dist/test/support/twilio-server.js';
import { until } from '../dist/test/support/until.js';
import { startZendeskServer, voiceTicket, zendeskUser } from '../dist/test/support/zendesk-server.js';
import { renderTrigger, sendWebhook } from '../dist/test/support/zendesk-webhook.js';
import { smallerPng } from './smaller-png.mjs';

const folder = process.argv[2] ?? 'docs/console';
const say = (text) => console.log(`${(performance.now() / 1_000).toFixed(1).padStart(6)} s  ${text}`);
const endings = [];
const number = '+14155550100';

/** Everything the pages show, and where each page is. */
const setUp = async () => {
  const data = await mkdtemp(join(tmpdir(), 'vg-screenshots-'));
  endings.push(() => rm(data, { recursive: true, force: true }));
  const shop = await startShop(data);
  endings.push(() => shop.target.close());
  const zendesk = await startZendeskServer();
  endings.push(() => zendesk.close());
  zendesk.tickets.set(ticketId, voiceTicket(Number(ticketId)));
  zendesk.users.set('7101', zendeskUser(7_101));
  const twilio = await startTwilioServer();
  endings.push(() => twilio.close());
  for (const each of ['+14155550142', '+14155550143', '+14155550144']) twilio.offered.add(each);
  const line = await startRingingLine();
  endings.push(async () => line.close());
  const gateway = await startGateway({
    dataDir: data,
    env: shop.env,
    config: { twilio: { accountSid: twilio.accountSid, authToken: twilio.authToken, apiUrl: twilio.url } },
  });
  endings.push(() => gateway.stop());
  const document = demoDocument({
    linePort: line.port,
    shop: shop.target.origin,
    zendesk: { url: zendesk.url, ...zendesk.credentials },
  });
  const [agent] = document.agents;
  const secretAction = {
    name: 'Refund',
    slug: 'refund',
    description: 'Gives the money of an order back',
    method: 'POST',
    url: `${shop.target.origin}/refunds`,
    body: { order: '{order_id}', amount: '{amount}' },
    parameters: {
      type: 'object',
      properties: { order_id: { type: 'string' }, amount: { type: 'number' } },
      required: ['order_id', 'amount'],
    },
    auth: { type: 'header', headers: { Authorization: 'Bearer {secret.shop}' } },
  };
  await gateway.apply({
    ...document,
    organization: { ...document.organization },
    numbers: [...document.numbers, { number: '+14155550142', agent: 'sales', profile: 'local', verified: true }],
    agents: [
      { ...agent, record: true, actions: ['order_status', 'refund'] },
      {
        id: 'sales',
        name: 'Sales',
        transferDestinations: ['zendesk', 'mobile'],
        leg: { type: 'websocket', url: 'ws://127.0.0.1:9/bot' },
      },
    ],
    transferDestinations: [
      { ...document.transferDestinations[0], value: `sip:support@127.0.0.1:${line.port};transport=udp` },
      {
        id: 'mobile',
        name: 'On call',
        type: 'phone',
        value: '+14155550199',
        profile: 'twilio',
        trunk: 'sip:acme.pstn.twilio.com',
        onFailure: 'return',
      },
    ],
    actions: [...document.actions, secretAction],
    secrets: { shop: 'a-secret-of-the-shop' },
  });
  await seedCrowd({ dataDir: data, orgId: 'acme', live: 9, ended: 240 });
  return { data, shop, zendesk, twilio, line, gateway };
};

/** A call that stays until `hangUp`. */
const dial = async ({ gateway }, { from, display, keys = [] }) => {
  const end = new AbortController();
  const known = new Set((await gateway.api('/v1/sessions?live=true')).body.items.map(({ id }) => id));
  const done = placeTestCall(
    {
      uri: `sip:${number}@127.0.0.1:${gateway.sipPort}`,
      ...{ from, display, headers: {}, presses: keys, record: null, secureMedia: false, digest: null },
      audio: { type: 'frequency', hz: 440, durationMs: 1_000 },
      ...{ repeat: true, hangUpAfter: null, ringTimeout: 30_000, signal: end.signal },
    },
    () => {},
  );
  const id = await until(
    'the session',
    async () => {
      const { items } = (await gateway.api('/v1/sessions?live=true')).body;
      return items.find((each) => !known.has(each.id) && each.status === 'active')?.id ?? null;
    },
    30_000,
  );
  const hangUp = () => {
    end.abort();
    return done;
  };
  return { id, hangUp };
};

const statusOf = async ({ gateway }, id, wanted) =>
  until(
    `status ${wanted}`,
    async () => (await gateway.api(`/v1/sessions/${id}`)).body.status === wanted || null,
    60_000,
  );

/** One call from its first INVITE to its end, with ticket, action, a line that is busy and a human. */
const wholeCall = async (parts) => {
  const { gateway, line } = parts;
  const call = await dial(parts, { from: '+14155550123', display: 'Ada Lovelace' });
  const { webhookUrl } = (await gateway.api('/backend/zendesk-v2/voice-prefetch-url')).body;
  await sendWebhook(webhookUrl, renderTrigger({ id: ticketId, caller: '+14155550123', title: 'Where is my order?' }));
  await gateway.api(`/v1/sessions/${call.id}/actions/order_status`, {
    method: 'POST',
    body: { attributes: { order_id: '4711' } },
  });
  const summary = 'Asks where order 4711 is; it is on its way.';
  const transfer = () =>
    gateway.api(`/v1/sessions/${call.id}/transfer`, { method: 'POST', body: { destination: 'zendesk', summary } });
  await transfer();
  await line.until('INVITE');
  await line.refuse('486 Busy Here');
  await statusOf(parts, call.id, 'active');
  line.forget();
  await transfer();
  const human = await rtpPeer({ learn: true });
  endings.push(() => human.close());
  await line.until('INVITE');
  await line.answer(human.sdp());
  await statusOf(parts, call.id, 'transferred');
  const stop = human.tone(600);
  return { ...call, stop };
};

const shots = async ({ gateway }, browser, ids, tokens) => {
  const open = async (dark, phone) => {
    const context = await browser.newContext({
      colorScheme: dark ? 'dark' : 'light',
      viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${gateway.httpUrl}/console/`);
    return { context, page };
  };
  const wait = async (page) => {
    await page.locator('h1').first().waitFor();
    await page.waitForLoadState('networkidle', { timeout: 2_000 }).catch(() => {});
    await page.getByText('Reading…').first().waitFor({ state: 'detached' });
  };
  const pages = {
    live: ['/'],
    call: [`/calls/${ids.whole}`],
    'call-below': [
      `/calls/${ids.whole}`,
      async (page) =>
        page.getByRole('heading', { name: 'Timeline' }).evaluate((e) => e.closest('section').scrollIntoView()),
    ],
    'ended-calls': ['/calls'],
    agents: ['/agents'],
    numbers: ['/numbers'],
    'numbers-search': [
      '/numbers',
      async (page) => {
        await page.getByRole('button', { name: 'Search and buy' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Search' }).click();
        await page.getByText('+14155550143', { exact: true }).first().waitFor();
      },
    ],
    'test-call': [
      '/',
      async (page) => {
        await page.getByRole('button', { name: 'Place a test call' }).click();
        await page.getByRole('dialog').getByText('Number to call').waitFor();
      },
    ],
    actions: ['/actions'],
    action: [
      '/actions/order_status',
      async (page) => {
        await page.getByLabel('order_id').fill('4711');
        await page.getByRole('button', { name: 'Run', exact: true }).click();
        await page.getByText('status 200').waitFor();
        await page.evaluate('window.scrollTo(0, 0)');
      },
    ],
    'run-history': ['/runs'],
    vault: ['/vault'],
    zendesk: ['/zendesk'],
    system: ['/system'],
  };
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const suffix = `${phone ? 'phone' : 'desktop'}-${dark ? 'dark' : 'light'}`;
      const { context, page } = await open(dark, phone);
      const take = async (name) =>
        writeFile(join(folder, `${name}-${suffix}.png`), smallerPng(await page.screenshot({ animations: 'disabled' })));
      await wait(page);
      await take('sign-in');
      await page.getByLabel('API key or token').fill(tokens.operator);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('nav').waitFor({ state: 'attached' });
      for (const [name, [path, act]] of Object.entries(pages)) {
        await page.goto(`${gateway.httpUrl}/console${path}`);
        await wait(page);
        await act?.(page);
        await take(name);
      }
      say(suffix);
      await context.close();
    }
  }
};

try {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) if (name.endsWith('.png')) await rm(join(folder, name));
  const parts = await setUp();
  say('set up');
  const { gateway } = parts;
  const browser = await startBrowser();
  endings.push(() => browser.close());
  await gateway.api('/v1/twilio/numbers', { method: 'POST', body: { number: '+14155550142', by: 'webhook' } });
  const whole = await wholeCall(parts);
  say('a call is with the human');
  const other = await dial(parts, { from: '+442079460018', display: 'Grace Hopper' });
  // Refused, for the page that tells why.
  await placeTestCall(
    {
      uri: `sip:+14155550177@127.0.0.1:${gateway.sipPort}`,
      ...{ from: '+14155550123', display: null, headers: {}, audio: null, repeat: false, presses: [], record: null },
      ...{
        secureMedia: false,
        digest: null,
        hangUpAfter: null,
        ringTimeout: 10_000,
        signal: new AbortController().signal,
      },
    },
    () => {},
  );
  say('waiting for a plot');
  // Long enough for a plot.
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.PLOT_SECONDS ?? 60) * 1_000));
  await shots(
    parts,
    browser,
    { whole: whole.id },
    { operator: (await import('node:fs')).readFileSync(join(parts.data, 'admin-token'), 'utf8').trim() },
  );
  whole.stop();
  await Promise.all([whole.hangUp(), other.hangUp()]);
} finally {
  for (const end of endings.reverse()) await end().catch(() => {});
}
