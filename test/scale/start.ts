import type { Suite } from '../support/suite.ts';
import { print } from '../support/suite.ts';
import { within } from './memory.ts';
import { MeasuredServer } from '../support/measured-server.ts';

const START_MS_MAX = 300;
const ROUNDS = 7;

/** From the start of the built program on an empty directory to the first answered Range: the median of some. */
export async function checkEmptyStart(suite: Suite): Promise<void> {
  await suite.check('start on an empty directory', async () => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await MeasuredServer.engram();
      try {
        times.push(await server.start());
      } finally {
        await server.remove();
      }
    }
    times.sort((a, b) => a - b);
    print(`  ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    within('start on an empty directory (ms)', times[ROUNDS >> 1]!, START_MS_MAX);
  });
}
