import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

/**
 * Files that load the machine or measure it, and so would disturb others or be disturbed. They run after the rest, beside
 * two that wait for their real-time timers nearly all the time. In the order of longest-first.ts those two hold two of the
 * three workers, so that the others come one after the other.
 */
const waiting = ['test/sip/calls/session-timers.test.ts', 'test/chaos/**/*.test.ts'];
const heavy = ['src/telephony/media/plane.test.ts', 'test/sip/parser-fuzz.test.ts', 'test/sip/calls/load.test.ts'];
const apart = [...waiting, ...heavy];

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 30_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: apart,
          // One more than processors: many files wait for peers and timers half of their time.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'apart', include: apart, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
