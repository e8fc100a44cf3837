/**
 * Goal: the real store and watch hub keep their promises through crashes, stalls and commits of unknown outcome, while
 * the cleaner works. Method: simulation.ts; longer runs and planted faults by `npm run simulate`.
 */
import { expect, test } from 'vitest';
import { PLANTED } from './profile.ts';
import { simulate } from './simulation.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 50);
const FIRST = Number(process.env['SEED'] ?? 1);

test(`promises 1 to 6: ${SEEDS} simulated seeds from ${FIRST}`, async () => {
  const sums = new Map<string, number>();
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const { problems, counts } = await simulate(seed);
    for (const [what, count] of Object.entries(counts)) sums.set(what, (sums.get(what) ?? 0) + count);
    expect(problems, `SEED=${seed}: npm run simulate -- --seed ${seed} --seeds 1`).toEqual([]);
  }
  for (const [what, count] of sums) expect(count, `${what} in ${SEEDS} seeds`).toBeGreaterThan(0);
});

test('a seed gives the same digest of all answers and the final state twice', async () => {
  for (const seed of [FIRST, FIRST + 1, FIRST + 2]) {
    expect((await simulate(seed)).digest).toBe((await simulate(seed)).digest);
  }
});

test.each(PLANTED)('the planted fault %s is found', async (plant) => {
  for (let seed = 1; seed <= 200; seed++) if ((await simulate(seed, plant)).problems.length > 0) return;
  expect.fail('it is not found in 200 seeds');
});
