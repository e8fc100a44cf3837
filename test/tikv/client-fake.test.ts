import { expect, test, vi } from 'vitest';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { clientChecks } from './checks.ts';
import { missing, runCheck } from './context.ts';

// They wait more than they work; beside other suites on two cores they also wait for one another.
vi.setConfig({ maxConcurrency: 8, testTimeout: 300_000 });

/** Each check on a fake cluster of its own. */
for (const check of clientChecks) {
  const run = check.isAlone === true ? test : test.concurrent;
  run(check.name, async () => {
    const cluster = await FakeCluster.start();
    try {
      expect(missing(check, cluster)).toBeUndefined();
      await runCheck(check, cluster);
    } finally {
      await cluster.close();
    }
  });
}
