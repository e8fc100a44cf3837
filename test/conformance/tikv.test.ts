import { afterAll, beforeAll } from 'vitest';
import { chosenName, openChosenCluster } from '../support/tikv/chosen.ts';
import type { ChosenCluster } from '../support/tikv/chosen.ts';
import { NO_FAULTS } from '../../src/engine/faulty/index.ts';
import { engineConformance } from './engine-conformance.ts';
import { faulty } from './faulty-subject.ts';
import { tikvSubject } from './tikv-subject.ts';

let cluster: ChosenCluster;
beforeAll(async () => {
  cluster = await openChosenCluster();
});
afterAll(() => cluster.close());

// Beside other suites a large commit takes seconds, and what is given up is uncertain.
const open = tikvSubject(() => cluster, { commitMsMax: 60_000 });
engineConformance({ name: `tikv on ${chosenName}`, open });
// On the fake it would only take longer: it says the same of the wrapper, and nothing new of the engine.
if (chosenName !== 'fake')
  engineConformance({ name: `faulty(tikv) on ${chosenName}, without faults`, open: faulty(open, NO_FAULTS) });
