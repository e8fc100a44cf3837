import { keyOf, openBenchStore, putAll } from './bench-store.ts';
import type { Bench, Figure } from './figures.ts';
import { figure, median, ResultHash } from './figures.ts';

const VALUE_BYTES = 256;

/** Start on a log of so many keys: scan, check, index, tree; and what a key then costs in memory. */
export const benchReplay: Bench = async ({ rounds, replayed }) => {
  const figures: Figure[] = [];
  for (const keys of replayed) {
    await using bench = await openBenchStore('level');
    await putAll(bench.store, { count: keys, callers: 256, valueBytes: VALUE_BYTES, keyAt: keyOf });
    const hash = new ResultHash();
    const [times, bytes]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const { store, elapsedMs } = await bench.reopen();
      times.push((elapsedMs * 1000) / keys);
      const { keys: found, memoryBytes, inUseBytes } = store.status();
      if (found !== keys) throw new Error(`${found} keys after the replay, not ${keys}`);
      hash.add(store.revision);
      bytes.push((memoryBytes - inUseBytes) / keys);
    }
    const many = `${keys.toLocaleString('en')} keys`;
    const note = `${Math.round(1e6 / median(times)).toLocaleString('en')} entries/s, ${((median(times) * keys) / 1000).toFixed(0)} ms`;
    figures.push(
      figure({ name: `replay, level, ${many}: per entry`, unit: 'us', note, hash: String(hash) }, times),
    );
    // A megabyte segment that is just begun is not the cost of a key.
    figures.push(
      figure(
        { name: `memory beside the body, ${many}: per key`, unit: 'bytes', atMost: 120 + 2 ** 21 / keys },
        bytes,
      ),
    );
  }
  return figures;
};
