/** Goal: the store answers as its model does, whatever came before, on the TiKV engine. See test/property/store.test.ts. */
import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { TikvEngine } from '../../src/engine/tikv/index.ts';
import { tikvEnvironment } from '../conformance/tikv-subject.ts';
import { checkStore } from '../property/store-run.ts';
import { step } from '../property/store-steps.ts';
import { chosenName, openChosenCluster } from '../support/tikv/chosen.ts';
import type { ChosenCluster } from '../support/tikv/chosen.ts';

const RUNS = Number(process.env['STORE_RUNS'] ?? 20);
const SEED = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

let cluster: ChosenCluster;
let keyspaces = 0;
beforeAll(async () => {
  cluster = await openChosenCluster();
});
afterAll(() => cluster.close());

it(`promises 1, 2, 4 and 6: the store answers as the model does, on ${chosenName}`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const { pd, tls, keyPrefix: root = '' } = cluster;
      const keyPrefix = Buffer.from(`${root}store/${process.pid}/${keyspaces++}/`);
      const environment = tikvEnvironment;
      const engine = await TikvEngine.open({ pd, environment, keyPrefix, ...(tls && { tls }) });
      try {
        await checkStore(steps, engine);
      } finally {
        await engine.close();
      }
    }),
    { numRuns: RUNS, ...SEED },
  );
}, 300_000);
