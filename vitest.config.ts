import { defineConfig } from 'vitest/config';

/** Files whose load or clock would disturb others, or be disturbed: they run one at a time, after the rest. */
const alone = [
  'test/sip/calls/load.test.ts',
  'test/sip/parser-fuzz.test.ts',
  'test/chaos/**/*.test.ts',
  'src/telephony/media/plane.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
