import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { jwtSecretFile, mintDashboardToken } from '../../src/platform/access/index.js';
import { type HttpsTarget, startHttpsTarget } from './https-target.js';
import { organization } from './organization.js';
import { type RingingLine, startRingingLine } from './ringing-line.js';
import { plainDestination, startTransferRig, type TransferRig } from './transfer-rig.js';
import { startZendeskServer, type ZendeskServer } from './zendesk-server.js';

/** Becomes a script where a page takes what others sent for markup. */
export const hostile = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>';

export type ConsoleRig = {
  readonly rig: TransferRig;
  readonly line: RingingLine;
  readonly shop: HttpsTarget;
  readonly zendesk: ZendeskServer;
  readonly browser: Browser;
  /** Everything a page complained of: scripts that failed, and what the content security policy stopped. */
  readonly complaints: string[];
  readonly url: (path?: string) => string;
  token(role: 'admin' | 'editor' | 'viewer', org?: string, sub?: string): Promise<string>;
  adminToken(): Promise<string>;
  /** A window of its own, signed in when a credential is given. */
  open(options?: {
    readonly credential?: string;
    readonly dark?: boolean;
    readonly phone?: boolean;
  }): Promise<{ readonly page: Page; readonly context: BrowserContext }>;
  close(): Promise<void>;
};

/** Debian's browser without what it does in the background; a new profile each time. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });

export const consoleActions = (origin: string) => [
  {
    ...{ name: 'Order status', slug: 'order_status', description: 'Where an order is.', method: 'GET' },
    url: `${origin}/orders/{order_id}`,
    response: { '2xx': { outputs: { order_state: 'state' } } },
    auth: { type: 'header', headers: { Authorization: 'Bearer {secret.shop}' } },
  },
];

/** A gateway with an organization whose every name is hostile, a line that rings, a shop, and a browser. */
export const startConsoleRig = async (): Promise<ConsoleRig> => {
  const folder = await mkdtemp(join(tmpdir(), 'vg-console-'));
  const [shop, line, browser, zendesk] = await Promise.all([
    ...([startHttpsTarget(), startRingingLine(), startBrowser(), startZendeskServer()] as const),
  ]);
  const authorities = join(folder, 'authorities.pem');
  await writeFile(authorities, shop.authority);
  const rig = await startTransferRig({
    env: { EGRESS_ALLOW: `localhost|127.0.0.0/8|${shop.port}`, EGRESS_AUTHORITIES: authorities },
  });
  shop.respond = (_, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ state: hostile }));
  };
  const { gateway } = rig;
  await gateway.apply(
    organization([], {
      agents: [
        {
          ...{ id: 'support', name: `Support ${hostile}`, transferDestinations: ['desk'] },
          actions: ['order_status'],
          leg: { type: 'builtin', script: { steps: [{ play: 'agent.wav' }] } },
        },
      ],
      transferDestinations: [
        {
          ...plainDestination,
          ...{ id: 'desk', name: `Desk ${hostile}`, type: 'sip', profile: 'zendesk-sip-in' },
          value: `sip:desk@127.0.0.1:${line.port};transport=udp`,
        },
      ],
      actions: consoleActions(shop.origin),
      variables: { 'X-Shop': 'a' },
      secrets: { shop: 'very-secret-value' },
    }),
  );
  const complaints: string[] = [];
  const url = (path = ''): string => `${gateway.httpUrl}/console${path}`;
  return {
    ...{ rig, line, shop, zendesk, browser, complaints, url },
    async token(role, org = 'acme', sub = `${role}@${org}`) {
      const secret = (await readFile(join(gateway.dataDir, jwtSecretFile), 'utf8')).trim();
      return mintDashboardToken({ secret, sub, org, role, ttl: 600, now: Date.now() });
    },
    adminToken: async () => (await readFile(join(gateway.dataDir, 'admin-token'), 'utf8')).trim(),
    async open({ credential, dark = false, phone = false } = {}) {
      const context = await browser.newContext({
        colorScheme: dark ? 'dark' : 'light',
        viewport: phone ? { width: 390, height: 844 } : { width: 1360, height: 860 },
        reducedMotion: 'reduce',
        locale: 'en-GB',
      });
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // Refusals are answers like others; what a page is told by the browser itself is not.
        if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
          complaints.push(message.text());
        }
      });
      await page.goto(url());
      if (credential !== undefined) {
        await page.getByLabel('API key or token').fill(credential);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.locator('nav').waitFor({ state: 'attached' });
      }
      return { page, context };
    },
    async close() {
      await browser.close();
      line.close();
      await rig.close();
      await shop.close();
      await zendesk.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
