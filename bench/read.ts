import Benchmark from 'benchmark';
import type { Store } from '../src/store/index.ts';
import { keyOf, openBenchStore, putAll, rangeRequest } from './bench-store.ts';
import type { Bench, Figure } from './figures.ts';
import { cpuMicros, figure, ResultHash } from './figures.ts';

const VALUE_BYTES = 256;
const ALL = { key: Buffer.from('/'), rangeEnd: Buffer.from('0') };

/** Point reads and counts, in a small store and in a large one. */
export const benchRead: Bench = async (sizes) => {
  const figures: Figure[] = [];
  for (const keys of [sizes.keys[0], sizes.replayed[1]]) {
    await using bench = await openBenchStore('memory');
    const { store } = bench;
    await putAll(store, { count: keys, callers: 256, valueBytes: VALUE_BYTES, keyAt: keyOf });
    figures.push(await pointReads(store, keys, sizes));
    figures.push(counts(store, keys, sizes));
  }
  return figures;
};

/**
 * By benchmark.js, which warms up and repeats until its error is small; its unit is a batch of keys in random order. The
 * keys asked for lie one behind the other, where the processor fetches them ahead, as what has just been received is in
 * its caches; the index and the bodies are not.
 */
async function pointReads(
  store: Store,
  keys: number,
  { rounds, operations }: { rounds: number; operations: number },
): Promise<Figure> {
  const batch = Math.min(operations, keys);
  const wanted = Buffer.concat(Array.from({ length: batch }, (_, n) => keyOf((n * 7919) % keys)));
  const keyBytes = wanted.length / batch;
  const wantedKeys = Array.from({ length: batch }, (_, n) =>
    wanted.subarray(n * keyBytes, (n + 1) * keyBytes),
  );
  const request = rangeRequest(ALL.key);
  const hash = new ResultHash();
  let bytes = 0;
  const read = (): void => {
    bytes = 0;
    for (const key of wantedKeys) {
      request.key = key;
      store.range(request, (_error, result) => {
        bytes += result.kvs.totalBytes;
      });
    }
  };
  const micros: number[] = [];
  for (let round = 0; round < rounds; round++) {
    micros.push(((await secondsOf(read)) * 1e6) / batch);
    hash.add(bytes);
  }
  const name = `point read, ${keys.toLocaleString('en')} keys`;
  return figure({ name, unit: 'us', atMost: 1, hash: String(hash) }, micros);
}

function secondsOf(run: () => void): Promise<number> {
  return new Promise((resolve) => {
    const bench = new Benchmark(run, { maxTime: 0.5, minSamples: 3 });
    bench.on('complete', () => resolve(bench.stats.mean));
    bench.run();
  });
}

/** The count of everything, at the current revision. */
function counts(
  store: Store,
  keys: number,
  { rounds, operations }: { rounds: number; operations: number },
): Figure {
  const hash = new ResultHash();
  const request = rangeRequest(ALL.key, { rangeEnd: ALL.rangeEnd, countOnly: true });
  const micros: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = cpuMicros();
    for (let i = 0; i < operations; i++) store.range(request, (_error, { count }) => hash.add(count));
    micros.push((cpuMicros() - start) / operations);
  }
  return figure(
    { name: `count of ${keys.toLocaleString('en')} keys`, unit: 'us', hash: String(hash) },
    micros,
  );
}
