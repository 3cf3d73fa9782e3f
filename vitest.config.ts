import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

/**
 * Files that measure what a busy machine would spoil. They run after the rest, one after the other, beside files that wait
 * for timers in real time nearly all the time: three at once keep one processor busy. Their order is longest-first.ts's.
 */
const waiting = [
  'test/sip/calls/session-timers.test.ts',
  'test/chaos/lost-parts.test.ts',
  'src/domain/sessions/ownership.test.ts',
  'src/domain/actions/deadline.test.ts',
];
const measuring = ['test/sip/calls/load.test.ts', 'src/telephony/media/plane.test.ts'];
const apart = [...waiting, ...measuring];
/** A browser takes both processors: `npm run test:console`. */
const browser = 'test/console/**/*.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Tests that are concurrent wait for each other's timers, not for the processor.
    maxConcurrency: 16,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['src/**/*.test.ts', 'console/src/**/*.test.{ts,tsx}'],
          exclude: apart,
          // A process of its own would cost each of these small files more than its tests.
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['test/**/*.test.ts'],
          exclude: [...apart, browser],
          // With a third, tests of real peers began to fail on two processors.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'apart', include: apart, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'browser', include: [browser], maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
