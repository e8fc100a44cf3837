import { afterAll, beforeAll, expect } from 'vitest';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { engineConformance } from './engine-conformance.ts';
import { tikvSubject } from './tikv-subject.ts';

let cluster: FakeCluster;
beforeAll(async () => {
  cluster = await FakeCluster.start({ stores: 3 });
});
afterAll(async () => {
  expect(cluster.violations()).toEqual([]);
  await cluster.close();
});

engineConformance({ name: 'tikv on the fake', open: tikvSubject(() => cluster) });
