// Runs the demo once as it is and once for each thing broken in a copy of it; ends with 1 unless the first holds and all
// others fail (npm run demo:mutations; some minutes).
import { mutations, runDemoWith } from '../dist/test/support/demo-mutations.js';

const seconds = (since) => ((performance.now() - since) / 1_000).toFixed(0);
let wrong = 0;
for (const mutation of [null, ...mutations]) {
  const begun = performance.now();
  const { code, output } = await runDemoWith(mutation);
  const right = code === (mutation === null ? 0 : 1);
  if (!right) wrong += 1;
  const failed = output.split('\n').filter((line) => line.includes('✗'));
  const why = failed.length === 0 ? '' : `: ${failed.map((line) => line.trim()).join('; ')}`;
  process.stdout.write(
    `${right ? 'ok  ' : 'FAIL'}  exit ${code} after ${seconds(begun)} s  ${mutation?.name ?? 'nothing broken'}${why}\n`,
  );
  if (!right) process.stdout.write(output);
}
process.exitCode = wrong === 0 ? 0 : 1;
