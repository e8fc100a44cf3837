import { externalCluster } from './external.ts';
import type { TestCluster } from './cluster.ts';
import { FixtureCluster } from './fixture.ts';
import { FakeCluster } from './fake/fake-cluster.ts';

/** A cluster for tests that need none of its abilities. */
export interface ChosenCluster extends Pick<TestCluster, 'name' | 'pd' | 'tls' | 'keyPrefix'> {
  /** Rejects if a client did what no client may do, where somebody looks. Nothing of the tests is left in it. */
  close(): Promise<void>;
}

/**
 * The cluster that the tests of the engine run on: the fake, or what TIKV_TARGET says: `fixture`, or `cluster`, which is the
 * one that TIKV_PD names.
 */
export const chosenName = process.env['TIKV_TARGET'] ?? 'fake';

export async function openChosenCluster(): Promise<ChosenCluster> {
  switch (chosenName) {
    case 'fixture':
      return FixtureCluster.start({ stores: 3 });
    case 'cluster':
      return openExternal();
    case 'fake':
      return openFake();
    default:
      throw new RangeError(`TIKV_TARGET is fake, fixture or cluster, not "${chosenName}"`);
  }
}

function openExternal(): ChosenCluster {
  const cluster = externalCluster(process.env);
  if (cluster === undefined) throw new Error('TIKV_TARGET=cluster needs TIKV_PD=host:port,...');
  // Whoever began the trial ends it.
  const isOwn = process.env['TIKV_TRIAL'] === undefined;
  const { name, pd, tls, keyPrefix } = cluster;
  return {
    ...{ name, pd, keyPrefix, ...(tls && { tls }) },
    async close() {
      if (isOwn) await cluster.removeAll();
    },
  };
}

async function openFake(): Promise<ChosenCluster> {
  const fake = await FakeCluster.start({ stores: 3 });
  return {
    ...{ name: 'fake', pd: fake.pd },
    async close() {
      const violations = fake.violations();
      await fake.close();
      if (violations.length > 0) throw new Error(`The client broke rules: ${violations.join('; ')}`);
    },
  };
}
