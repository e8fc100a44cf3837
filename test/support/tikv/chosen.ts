import { FixtureCluster } from './fixture.ts';
import { FakeCluster } from './fake/fake-cluster.ts';

/** A cluster for tests that need none of its abilities. */
export interface ChosenCluster {
  readonly name: string;
  readonly pd: readonly string[];
  /** Rejects if a client did what no client may do, where somebody looks. */
  close(): Promise<void>;
}

/**
 * The cluster that the tests of the engine run on: the fake, or what TIKV_TARGET says: `fixture`, or the placement drivers
 * of a cluster that is there (`host:port,...`).
 */
export const chosenName = process.env['TIKV_TARGET'] ?? 'fake';

export async function openChosenCluster(): Promise<ChosenCluster> {
  if (chosenName === 'fixture') return FixtureCluster.start({ stores: 3 });
  if (chosenName !== 'fake')
    return { name: 'cluster', pd: chosenName.split(','), close: () => Promise.resolve() };
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
