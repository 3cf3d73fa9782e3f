import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

/**
 * Files that load the machine or measure it, and so would disturb others or be disturbed. They run after the rest, beside
 * one that waits for its real-time timers nearly all the time. In the order of longest-first.ts that one holds a worker, so
 * that the others come one after the other.
 */
const waiting = ['test/sip/calls/session-timers.test.ts'];
const heavy = [
  'src/telephony/media/plane.test.ts',
  'test/sip/parser-fuzz.test.ts',
  'test/sip/calls/load.test.ts',
  // A browser takes both processors.
  'test/console/console.test.ts',
];
const apart = [...waiting, ...heavy];

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: apart,
          // With a third, tests of real peers began to fail on two processors.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'apart', include: apart, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
