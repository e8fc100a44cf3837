import type { Bench } from './figures.ts';
import { benchGrowth } from './growth.ts';
import { benchList } from './list.ts';
import { benchPut } from './put.ts';
import { benchRead } from './read.ts';
import { benchReplay } from './replay.ts';
import { benchSlices } from './slices.ts';
import { benchWatch } from './watch.ts';

/** All benchmarks, in the order in which they run. */
export const benches: Readonly<Record<string, Bench>> = {
  put: benchPut,
  read: benchRead,
  list: benchList,
  slices: benchSlices,
  watch: benchWatch,
  replay: benchReplay,
  growth: benchGrowth,
};
