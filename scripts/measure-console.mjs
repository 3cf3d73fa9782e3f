// Measures the console with a thousand live calls and a hundred thousand ended ones: `npm run console:measure`.
import { crowdStory } from '../dist/test/support/console-crowd.js';
import { startConsoleRig } from '../dist/test/support/console-rig.js';

const rig = await startConsoleRig();
try {
  const bytes = async (path) => {
    const response = await fetch(new URL(path, rig.url()), { headers: { 'Accept-Encoding': 'gzip' } });
    return { length: Number(response.headers.get('content-length')), text: await response.text() };
  };
  const page = await bytes('/console/');
  let load = page.length;
  for (const [, path] of page.text.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)) load += (await bytes(path)).length;
  console.log(`first load: ${Math.round(load / 1_000)} kB gzip`);

  const credential = await rig.adminToken();
  const { page: warm, context } = await rig.open({ credential });
  const interactive = [];
  for (let at = 0; at < 5; at += 1) {
    // The HTTP cache is emptied, as for somebody who comes for the first time.
    const session = await context.newCDPSession(warm);
    await session.send('Network.clearBrowserCache');
    const begun = performance.now();
    await warm.goto(rig.url());
    await warm.getByRole('button', { name: 'Place a test call' }).click({ trial: true });
    interactive.push(Math.round(performance.now() - begun));
    await session.detach();
  }
  console.log(`interactive: ${interactive.join(', ')} ms from the address to a button that takes a click`);
  await context.close();

  const { pauses, endedRows, mostRows } = await crowdStory(rig, 100_000, Number(process.argv[2] ?? 100_000));
  console.log(`rows fetched and scrolled through: ${endedRows}; in the page at once: ${mostRows}`);
  for (const [what, pause] of Object.entries(pauses)) console.log(`longest pause, ${what}: ${pause} ms`);
} finally {
  await rig.close();
}
