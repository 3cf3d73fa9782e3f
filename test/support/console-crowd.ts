import type { Page } from 'playwright-core';
import type { ConsoleRig } from './console-rig.js';
import { seedCrowd } from './crowd.js';
import { until } from './until.js';

export type CrowdFigures = {
  /** Longest time the page could not answer, ms: scrolling and filtering each list. */
  readonly pauses: Readonly<Record<'liveScroll' | 'liveFilter' | 'endedScroll' | 'endedFilter', number>>;
  /** Ended calls that were fetched and scrolled through. */
  readonly endedRows: number;
  /** Rows that were in the page at once. */
  readonly mostRows: number;
};

/** Watches how long the page cannot answer from now on: the function gives the longest time between two turns, ms. */
const watchPauses = async (page: Page): Promise<() => Promise<number>> => {
  await page.evaluate(`(() => {
    clearTimeout(window.turning);
    window.longest = 0;
    let last = performance.now();
    const turn = () => {
      const now = performance.now();
      window.longest = Math.max(window.longest, now - last);
      last = now;
      window.turning = setTimeout(turn, 0);
    };
    turn();
  })()`);
  return () => page.evaluate('Math.round(window.longest)') as Promise<number>;
};

/** One screen after the other, as fast as frames come. */
const scrollDown = (page: Page, screens: number): Promise<unknown> =>
  page.evaluate(`(async () => {
    for (let at = 0; at < ${screens}; at += 1) {
      window.scrollBy(0, window.innerHeight);
      await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    }
  })()`);

/** The console with a thousand live calls and `ended` ended ones, of which `rows` are scrolled through. */
export const crowdStory = async (rig: ConsoleRig, ended: number, rows: number): Promise<CrowdFigures> => {
  const { gateway } = rig.rig;
  await gateway.apply({ organization: { id: 'initech', name: 'Initech', defaultCountry: 'US' } });
  await seedCrowd({ dataDir: gateway.dataDir, orgId: 'initech', live: 1_000, ended });
  const { page, context } = await rig.open({ credential: await rig.token('viewer', 'initech') });

  await page.getByText('1000 calls at this moment').waitFor();
  await page.getByRole('row').filter({ hasText: '+14150000001' }).waitFor();
  const rowsLive = await page.locator('tr[data-row]').count();
  let pauses = await watchPauses(page);
  // A watch that sees nothing would find no fault either.
  await page.evaluate('{ const end = performance.now() + 150; while (performance.now() < end); }');
  await until('a pause that was made on purpose', async () => (await pauses()) >= 100, 30_000);
  pauses = await watchPauses(page);
  await scrollDown(page, 60);
  const liveScroll = await pauses();
  pauses = await watchPauses(page);
  await page.getByLabel('Filter').pressSequentially('0000777');
  await page.getByRole('row').filter({ hasText: '+14150000777' }).waitFor();
  await page.getByLabel('Filter').fill('');
  const liveFilter = await pauses();

  await page.goto(rig.url('/calls'));
  await page.locator('tr[data-row]').first().waitFor();
  pauses = await watchPauses(page);
  const shown = async (): Promise<number> => Number(await page.getByRole('table').getAttribute('aria-rowcount')) - 1;
  while ((await shown()) < Math.min(rows, ended)) {
    const before = await shown();
    await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
    await until('more rows', async () => (await shown()) > before, 30_000);
  }
  await scrollDown(page, 20);
  const endedRows = await shown();
  const endedScroll = await pauses();
  const rowsEnded = await page.locator('tr[data-row]').count();
  pauses = await watchPauses(page);
  // The very last one of them, by its ticket.
  await page.getByLabel('Ticket').fill(String(30_000 + 1_000 + ended));
  await until('the one row', async () => (await page.locator('tr[data-row]').count()) === 1, 30_000);
  const endedFilter = await pauses();
  await context.close();
  return {
    pauses: { liveScroll, liveFilter, endedScroll, endedFilter },
    endedRows,
    mostRows: Math.max(rowsLive, rowsEnded),
  };
};
