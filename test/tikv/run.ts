import type { Suite } from '../support/suite.ts';
import type { TestCluster } from '../support/tikv/cluster.ts';
import { clientChecks } from './checks.ts';
import { missing, runCheck } from './context.ts';

/** The client's checks in a suite that is a program, all on one cluster; what it cannot do is skipped, loudly. */
export async function runClientSuite(
  suite: Suite,
  cluster: TestCluster,
  options: { readonly loadMs?: number; readonly isThorough?: boolean } = {},
): Promise<void> {
  for (const check of clientChecks) {
    const name = `${cluster.name}: ${check.name}`;
    const reason = missing(check, cluster);
    if (reason === undefined) await suite.check(name, () => runCheck(check, cluster, options));
    else suite.skip(name, reason);
  }
}
