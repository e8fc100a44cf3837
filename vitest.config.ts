import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { CountReporter } from './scripts/count-reporter.ts';

/** Core tests inject the clock; nothing here fakes timers. Long runs have commands of their own (package.json). */
export default defineConfig({
  test: {
    pool: 'forks',
    // The default leaves one core out: on two of them nothing would run side by side.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    unstubGlobals: true,
    setupFiles: ['test/support/property-seed.ts'],
    // Suites run side by side on two cores: a test that is slow here is not broken. What needs two seconds of them took
    // thirty on a machine that had a dozen other things to do, and a host may take four fifths of both cores away; only a
    // test that hangs takes these.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What is waited for comes late on a busy machine, too: the default of one second says nothing about the code.
    expect: { poll: { timeout: 60_000 } },
    reporters: ['default', new CountReporter()],
    coverage: { provider: 'v8', include: ['src/**/*.ts'] },
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'test/tools/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 300_000 },
      },
      { extends: true, test: { name: 'transport', include: ['test/transport/**/*.test.ts'] } },
      { extends: true, test: { name: 'tikv', include: ['test/tikv/**/*.test.ts'] } },
      { extends: true, test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 600_000,
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
});
