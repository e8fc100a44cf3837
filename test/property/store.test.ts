/**
 * Goal: the store answers every request as etcd does, whatever came before, also after cleaning and a replay.
 * Method: random steps on the store and on the model (store-model.ts). Writes are sent without waiting for one another;
 * everything is awaited before a read. After each start, and at the end, all revisions that can be read are compared.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { silentLogger } from '../../src/base/index.ts';
import { LevelEngine } from '../../src/engine/level/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { checkStore } from './store-run.ts';
import { step } from './store-steps.ts';

const RUNS = Number(process.env['STORE_RUNS'] ?? 150);
const SEED = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

describe('promises 1, 2, 4 and 6: the store answers as the model does', () => {
  it('on the memory engine', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        await checkStore(steps, new MemoryEngine());
      }),
      { numRuns: RUNS, ...SEED },
    );
  }, 300_000);

  it('on the level engine', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        const path = mkdtempSync(join(tmpdir(), 'engram-store-'));
        const engine = await LevelEngine.open({ directory: path, logger: silentLogger });
        try {
          await checkStore(steps, engine);
        } finally {
          await engine.close();
          rmSync(path, { recursive: true, force: true });
        }
      }),
      { numRuns: Math.ceil(RUNS / 10), ...SEED },
    );
  }, 300_000);
});
