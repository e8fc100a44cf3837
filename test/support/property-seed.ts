/**
 * Where property tests begin, before each file of tests: with one seed, so that a run says something of what was changed
 * since the last one and fails again when it is repeated. `PROPERTY_SEED=random npm test` looks for what that seed does not
 * find, `PROPERTY_SEED=N` runs what it found again; the names of the tests tell the seed.
 */

import { configureGlobal } from 'fast-check';

const FIRST_SEED = 1;

const wish = process.env['PROPERTY_SEED'] ?? String(FIRST_SEED);
if (wish !== 'random') {
  const seed = Number(wish);
  if (!Number.isInteger(seed)) throw new Error(`PROPERTY_SEED is "random" or a whole number, not "${wish}"`);
  configureGlobal({ seed });
}
