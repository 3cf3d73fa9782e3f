// Takes the pictures of every page of the console for docs/console: a gateway, a Zendesk, its lines, a shop and Twilio's
// account, all of this machine, with calls that are real and a day of ended ones that is made up. Run by
// `npm run console:screenshots`; names behind it take those pictures alone: `npm run console:screenshots -- call live`.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startBrowser } from '../dist/test/support/console-rig.js';
import { callsOfTheDay, startScene } from './console-scene.mjs';
import { shots } from './console-shots.mjs';
import { smallerPng } from './smaller-png.mjs';

const folder = 'docs/console';
const only = process.argv.slice(2);
const say = (text) => console.log(`${(performance.now() / 1_000).toFixed(1).padStart(6)} s  ${text}`);

/** A window of its own, with a way to know that a page has read everything it reads. */
const openWindow = async (browser, { dark, phone }) => {
  const context = await browser.newContext({
    colorScheme: dark ? 'dark' : 'light',
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const reading = new Set();
  page.on('request', (request) => {
    if (!request.url().includes('/v1/events')) reading.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => reading.delete(request));
  const settled = async () => {
    await page.locator('h1').first().waitFor();
    for (let quiet = 0; quiet < 3; ) {
      await page.evaluate('new Promise((next) => requestAnimationFrame(() => setTimeout(next, 40)))');
      quiet = reading.size === 0 ? quiet + 1 : 0;
    }
    await page.getByText('Reading…').first().waitFor({ state: 'detached' });
  };
  return { context, page, settled };
};

const scene = await startScene(say);
try {
  await mkdir(folder, { recursive: true });
  if (only.length === 0) {
    for (const name of await readdir(folder)) if (name.endsWith('.png')) await rm(join(folder, name));
  }
  const browser = await startBrowser();
  scene.endings.push(() => browser.close());
  const ids = await callsOfTheDay(scene, say);
  const operator = (await readFile(join(scene.gateway.dataDir, 'admin-token'), 'utf8')).trim();
  const newcomer = await scene.token('globex');
  const { httpUrl } = scene.gateway;
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const suffix = `${phone ? 'phone' : 'desktop'}-${dark ? 'dark' : 'light'}`;
      let signedIn;
      const { context, page, settled } = await openWindow(browser, { dark, phone });
      for (const { name, path, as = 'operator', act } of shots(ids)) {
        if (only.length > 0 && !only.includes(name)) continue;
        if (as !== signedIn) {
          await context.clearCookies();
          await page.goto(`${httpUrl}/console/`);
          await settled();
          if (as !== null) {
            await page.getByLabel('API key or token').fill(as === 'operator' ? operator : newcomer);
            await page.getByRole('button', { name: 'Sign in' }).click();
            await page.locator('nav').waitFor({ state: 'attached' });
          }
          signedIn = as;
        }
        if (as !== null) await page.goto(`${httpUrl}/console${path}`);
        await settled();
        await act?.(page, { phone });
        // Nothing is pointed at.
        await page.mouse.move(0, 0);
        await settled();
        const file = join(folder, `${name}-${suffix}.png`);
        await writeFile(file, smallerPng(await page.screenshot({ animations: 'disabled' })));
      }
      await context.close();
      say(suffix);
    }
  }
} finally {
  await scene.close();
}
