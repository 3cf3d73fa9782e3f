import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { clientTypes, clientTypesPath } from '../../scripts/write-console-client.mjs';
import { startPhone } from '../support/baresip.js';
import { crowdStory } from '../support/console-crowd.js';
import { type ConsoleRig, hostile, startConsoleRig } from '../support/console-rig.js';
import { startSipp } from '../support/sipp.js';
import { expectMessage, inDialog, invite, reply, scenario } from '../support/sipp-scenario.js';
import type { Caller } from '../support/transfer-rig.js';
import { until } from '../support/until.js';
import { hostileStory } from './hostile-story.js';
import { setUpStory } from './set-up-story.js';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pages = [
  '',
  '/calls',
  '/agents',
  '/numbers',
  '/actions',
  '/actions/order_status',
  '/runs',
  '/vault',
  '/zendesk',
  '/webhooks',
  '/system',
];

// A browser beside a machine that has much else to do.
vi.setConfig({ testTimeout: 120_000 });

let rig: ConsoleRig;
let page: Page;

beforeAll(async () => {
  rig = await startConsoleRig();
}, 120_000);
afterAll(() => rig?.close());

const call = (): Promise<Caller> => rig.rig.call({ display: hostile });
const callRow = (of: Page) => of.getByRole('row').filter({ hasText: '+14155550123' });
/** What a screen reader and a keyboard would stumble over. Evaluated by the browser itself, past the page's policy. */
const violations = async (of: Page, options = '{}'): Promise<string[]> => {
  const session = await of.context().newCDPSession(of);
  await session.send('Runtime.evaluate', { expression: axeSource });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, ${options}).then((r) => JSON.stringify(r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target).join(" "))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(String(result.value)) as string[];
};
const settled = async (of: Page): Promise<void> => {
  await of.locator('h1').first().waitFor();
  await of.getByText('Reading…').first().waitFor({ state: 'detached' });
};

it('says why a credential is not taken, and keeps a good one where no script can read it', async () => {
  const opened = await rig.open();
  page = opened.page;
  await page.getByLabel('API key or token').fill('nonsense');
  await page.getByRole('button', { name: 'Sign in' }).click();
  expect(await page.getByRole('alert').textContent()).toMatch(/token|credential/i);
  expect(await violations(page)).toEqual([]);
  await page.getByLabel('API key or token').fill(await rig.adminToken());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'No call is live' }).waitFor();
  const [cookie, ...others] = await opened.context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
  expect(others).toEqual([]);
  expect(cookie?.value).not.toContain(await rig.adminToken());
  expect(await page.evaluate('document.cookie + localStorage.length + sessionStorage.length')).toBe('00');
});

it('is entered by the link of the first start, once', async () => {
  const link = /http:\S+#code=\S+/.exec(rig.rig.gateway.output())?.[0] ?? '';
  const { page: first, context } = await rig.open();
  await first.goto(link);
  await first.getByRole('navigation', { name: 'Pages' }).waitFor();
  expect(first.url()).not.toContain('code');
  await context.close();
  const { page: second, context: later } = await rig.open();
  await second.goto(link);
  await second.getByText('The link has been used already').waitFor();
  expect(await later.cookies()).toEqual([]);
  await later.close();
});

it('is sent with a policy that runs nothing inline, small, and to be kept where it is named by its content', async () => {
  const first = await fetch(rig.url('/sessions/some-call'), { headers: { 'Accept-Encoding': 'gzip' } });
  const policy = first.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain('unsafe');
  const html = await first.text();
  let bytes = Number(first.headers.get('content-length'));
  const assets = [...html.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(assets.length).toBeGreaterThan(2);
  for (const path of assets) {
    const asset = await fetch(new URL(path, rig.url()), { headers: { 'Accept-Encoding': 'gzip' } });
    if (path.includes('/assets/')) expect(asset.headers.get('cache-control')).toContain('immutable');
    bytes += Number(asset.headers.get('content-length'));
  }
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(250_000);
  expect((await fetch(rig.url('/assets/none.js'))).status).toBe(404);
});

it('shows a call as it arrives, transfers it from its row, tells how that ended, and hangs up', async () => {
  const caller = await call();
  const silence = caller.phone.tone(440);
  await callRow(page).waitFor();
  expect(await callRow(page).textContent()).toContain(hostile);
  expect(await violations(page)).toEqual([]);

  await callRow(page)
    .getByRole('button', { name: /^Transfer/ })
    .click();
  const dialog = page.getByRole('dialog');
  // It begins at its first field, and leaves the keyboard where it was.
  await dialog.locator('select:focus').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await callRow(page)
    .getByRole('button', { name: /^Transfer/ })
    .and(page.locator(':focus'))
    .press('Enter');
  await dialog.getByLabel('Summary for the human').fill(`${hostile} Wants a refund.`);
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Transfer', exact: true }).click();
  await callRow(page).getByText('Transferring').waitFor();
  await rig.line.refuse('486 Busy Here');
  await callRow(page).getByText('With the agent').waitFor();

  await callRow(page).getByRole('link').click();
  await page.getByRole('heading', { name: 'Call of +14155550123' }).waitFor();
  expect(page.url()).toBe(rig.url(`/sessions/${caller.sessionId}`));
  const ladder = page.getByLabel('SIP messages');
  await ladder.getByRole('link', { name: /486 Busy Here/ }).click();
  expect(await page.locator('pre.message').textContent()).toMatch(/^SIP\/2\.0 486 Busy Here/);
  await ladder
    .getByRole('link', { name: /INVITE SDP, from 127/ })
    .first()
    .click();
  expect(await page.locator('pre.message').textContent()).toContain('<img src=x');
  await page.getByText('The transfer failed. The line is busy').first().waitFor();
  await page.getByText(`${hostile} Wants a refund.`).first().waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: /^Hang up/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Hang up' }).click();
  await caller.ended;
  silence();
  await page.getByText('Ended by hand').first().waitFor();
  await page
    .getByText(/MOS \d/)
    .first()
    .waitFor();
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBe(0);
  if (wide !== null) await page.setViewportSize(wide);
  await page.getByRole('link', { name: 'Live calls' }).click();
  await page.getByRole('heading', { name: 'No call is live' }).waitFor();
});

it('shows calls of sipp and of baresip as they come, with the sound of the one that speaks, and hangs both up', async () => {
  const { sipPort } = rig.rig.gateway;
  const row = (caller: string) => page.getByRole('row').filter({ hasText: caller });
  const phone = await startPhone({
    ...{ transport: 'udp', codec: 'pcmu', user: '+14155550132', tone: { hz: 1_000, level: -20 } },
  });
  try {
    const sipp = await startSipp({
      ...{ target: `127.0.0.1:${sipPort}`, timeout: 60_000 },
      scenario: scenario(
        invite({ from: '"sipp" <sip:+14155550131@[local_ip]:[local_port]>' }),
        expectMessage(100, { optional: true }),
        expectMessage(180, { optional: true }),
        expectMessage(200),
        inDialog('ACK', 1),
        expectMessage('BYE'),
        reply('200 OK', { tag: false }),
      ),
    });
    await phone.command('dial', `sip:+14155550100@127.0.0.1:${sipPort};transport=udp`);
    await phone.event('CALL_ESTABLISHED');
    await row('+14155550131').getByText('With the agent').waitFor();
    await row('+14155550132')
      .getByText(/^\d\.\d (good|fair|poor)$/)
      .waitFor();
    for (const caller of ['+14155550131', '+14155550132']) {
      await row(caller)
        .getByRole('button', { name: /^Hang up/ })
        .click();
      await page.getByRole('dialog').getByRole('button', { name: 'Hang up' }).click();
      await row(caller).waitFor({ state: 'detached' });
    }
    await phone.event('CALL_CLOSED');
    const { code, errors } = await sipp.done;
    expect(code, errors).toBe(0);
  } finally {
    await phone.stop();
  }
  await page.getByRole('heading', { name: 'No call is live' }).waitFor();
});

it('tests an action and shows what came back as text', async () => {
  await page.getByRole('link', { name: 'Actions' }).click();
  await page.getByRole('link', { name: 'Order status' }).click();
  await page.getByLabel('order_id').fill('42');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('status 200').waitFor();
  expect(rig.shop.requests.at(-1)?.url).toBe('/orders/42');
  const shown = (await page.locator('main').textContent()) ?? '';
  expect(shown).toContain('<img src=x');
  expect(shown).not.toContain('very-secret-value');
  await page.getByRole('tab', { name: 'Auth' }).click();
  await page.getByRole('tab', { name: 'Auth' }).press('ArrowLeft');
  expect(await page.getByRole('tab', { name: 'Response' }).getAttribute('aria-selected')).toBe('true');
  await page.getByRole('link', { name: 'Run history' }).click();
  await page.getByRole('button', { name: 'Show the run of order_status' }).first().click();
  await page.getByRole('dialog').getByText('status 200').waitFor();
  expect(await violations(page)).toEqual([]);
});

it('sets up a destination, a number and a secret, and says what is wrong where', async () => {
  await page.goto(rig.url('/agents'));
  await page.getByRole('button', { name: 'Add a destination' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Id').fill('mobile');
  await dialog.getByLabel('Name').fill('Mobile');
  await dialog.getByLabel('SIP address').fill('not an address');
  await dialog.getByRole('button', { name: 'Save' }).click();
  expect(await dialog.getByRole('alert').textContent()).toMatch(/value/);
  await dialog.getByLabel('SIP address').fill('sip:mobile@127.0.0.1');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'sip:mobile@127.0.0.1', exact: true }).waitFor();

  await page.goto(rig.url('/numbers'));
  await page.getByRole('button', { name: 'Add a number' }).click();
  await dialog.getByLabel('Number', { exact: true }).fill('+14155550177');
  await dialog.getByLabel(/verified/).check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: '+14155550177', exact: true }).waitFor();

  await page.goto(rig.url('/vault'));
  await page.getByRole('button', { name: 'Add a secret' }).click();
  await dialog.getByLabel('Name').fill('crm');
  await dialog.getByLabel('Value').fill('another-secret');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'crm', exact: true }).waitFor();
  expect(await page.content()).not.toContain('another-secret');
});

it('tells a hundred open consoles of a call', async () => {
  const closing = new AbortController();
  const told = new Set<number>();
  const token = await rig.token('viewer');
  const follow = async (index: number): Promise<void> => {
    const response = await fetch(`${rig.rig.gateway.httpUrl}/v1/events`, {
      headers: { Authorization: `Bearer ${token}` },
      signal: closing.signal,
    });
    expect(response.status).toBe(200);
    opened += 1;
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      if (text.includes('event: call.received')) told.add(index);
    }
  };
  let opened = 0;
  const streams = Array.from({ length: 100 }, (_, index) => follow(index).catch(() => {}));
  await until('100 streams', () => opened === 100, 30_000);
  const caller = await call();
  await until('100 consoles that know of the call', () => told.size === 100, 30_000);
  // As many as one credential may have: the next is told so, and sees the calls all the same.
  streams.push(...Array.from({ length: 100 }, (_, index) => follow(100 + index).catch(() => {})));
  await until('200 streams', () => opened === 200, 30_000);
  const { page: late, context } = await rig.open({ credential: token });
  await late.getByText('Too many consoles are open: This credential has 200 streams of events open').waitFor();
  await callRow(late).waitFor();
  await context.close();
  closing.abort();
  await Promise.all(streams);
  await rig.rig.gateway.api(`/v1/sessions/${caller.sessionId}/hangup`, { method: 'POST' });
  await caller.ended;
});

it('has nothing axe finds wrong on any page, in light and in dark, and fits a phone', async () => {
  const wide = page.viewportSize();
  for (const path of pages) {
    await page.evaluate(`history.pushState(null, '', '/console${path}'); dispatchEvent(new PopStateEvent('popstate'))`);
    await settled(page);
    expect([path, await violations(page)]).toEqual([path, []]);
    await page.emulateMedia({ colorScheme: 'dark' });
    const contrast = "{ runOnly: ['color-contrast'] }";
    expect([`dark ${path}`, await violations(page, contrast)]).toEqual([`dark ${path}`, []]);
    await page.setViewportSize({ width: 390, height: 844 });
    const over = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect([path, over]).toEqual([path, 0]);
    await page.emulateMedia({ colorScheme: 'light' });
    if (wide !== null) await page.setViewportSize(wide);
  }
});

it('lets a viewer look and not act, whatever they try', async () => {
  const caller = await call();
  const { page: viewer, context } = await rig.open({ credential: await rig.token('viewer') });
  await callRow(viewer).waitFor();
  expect(await callRow(viewer).getByRole('button').count()).toBe(0);
  expect(await viewer.getByRole('link', { name: 'Variables & secrets' }).count()).toBe(0);
  const post = (path: string) =>
    viewer.evaluate(
      `fetch(${JSON.stringify(path)}, { method: 'POST', headers: { 'Content-Type': 'application/json' } }).then((r) => r.status)`,
    );
  expect(await post(`/v1/sessions/${caller.sessionId}/hangup`)).toBe(403);
  const [cookie] = await context.cookies();
  const withCookie = (headers: Record<string, string>) =>
    fetch(`${rig.rig.gateway.httpUrl}/v1/sessions/${caller.sessionId}/hangup`, {
      method: 'POST',
      headers: { Cookie: `${cookie?.name}=${cookie?.value}`, ...headers },
    }).then(({ status }) => status);
  // A page of another port of this host is of the same site: the cookie comes along, its Origin gives it away.
  expect(await withCookie({ Origin: 'http://127.0.0.1:1' })).toBe(403);
  expect(await withCookie({})).toBe(403);
  await viewer.getByRole('button', { name: 'Sign out' }).click();
  await viewer.getByLabel('API key or token').waitFor();
  expect(await context.cookies()).toEqual([]);
  await context.close();
  await rig.rig.gateway.api(`/v1/sessions/${caller.sessionId}/hangup`, { method: 'POST' });
  await caller.ended;
});

it('shows an editor which secrets there are, and no value', async () => {
  const { page: editor, context } = await rig.open({ credential: await rig.token('editor') });
  await editor.getByRole('link', { name: 'Variables & secrets' }).click();
  await editor.getByRole('cell', { name: 'shop', exact: true }).waitFor();
  expect(await editor.locator('main').getByRole('button').count()).toBe(0);
  expect(await editor.content()).not.toContain('very-secret-value');
  const answers = await editor.evaluate(`Promise.all(
    ['/v1/secrets', '/v1/variables', '/v1/actions', '/v1/organizations/acme/document'].map((path) =>
      fetch(path).then((r) => r.text())))`);
  expect(String(answers)).not.toContain('very-secret-value');
  const put =
    "fetch('/v1/secrets/shop', { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{}' })";
  expect(await editor.evaluate(`${put}.then((r) => r.status)`)).toBe(403);
  await context.close();
});

it('has types of the API that the gateway serves', async () => {
  const { body } = await rig.rig.gateway.api('/openapi.json');
  const plain = (text: string): string => text.replace(/[\s|,;()]+/g, '');
  expect(plain(readFileSync(clientTypesPath, 'utf8'))).toBe(plain(clientTypes(body)));
});

it('shows what others write as text: callers, tickets, headers, phrases, answers, certificates, webhooks', async () => {
  await hostileStory(rig);
});

// These make further organizations, after which the others would have to say which one they mean.
it('connects Zendesk, adds a destination, assigns a number, places a test call, watches it transfer, reads the ladder', async () => {
  await setUpStory(rig);
});

it('scrolls and filters a thousand live calls and as many ended ones as there are', async () => {
  const { endedRows, mostRows, pauses } = await crowdStory(rig, 11_000, 10_000);
  // So many that their height is more than a float of a browser holds exactly.
  expect(endedRows).toBeGreaterThanOrEqual(10_000);
  expect(mostRows).toBeLessThan(120);
  // 100 ms on a machine that does nothing else; this one may be shared.
  for (const [what, pause] of Object.entries(pauses)) expect([what, pause < 1_000]).toEqual([what, true]);
});

it('has run nothing of all that was sent', async () => {
  expect(await page.evaluate('window.hurt')).toBeUndefined();
  expect(rig.complaints).toEqual([]);
});
