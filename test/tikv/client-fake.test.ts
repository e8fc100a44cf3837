import { expect, test } from 'vitest';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { clientChecks } from './checks.ts';
import { missing, runCheck } from './context.ts';

/** Each check on a fake cluster of its own. */
for (const check of clientChecks) {
  test.concurrent(check.name, async () => {
    const cluster = await FakeCluster.start();
    try {
      expect(missing(check, cluster)).toBeUndefined();
      await runCheck(check, cluster);
    } finally {
      await cluster.close();
    }
  });
}
