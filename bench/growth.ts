import type { Store } from '../src/store/index.ts';
import { keyOf, openBenchStore, putAll } from './bench-store.ts';
import type { Bench, Figure } from './figures.ts';
import { cpuMicros, figure, ResultHash } from './figures.ts';

const VALUE_BYTES = 100;
/** 7919 is prime, so that overwrites visit the keys in an order of their own. */
const STRIDE = 7919;

/** Whether a put becomes dearer as keys become more: overwrites and new keys in random order, small store and large. */
export const benchGrowth: Bench = async ({ rounds, operations, keys }) => {
  const costs: { update: Figure; insert: Figure }[] = [];
  for (const held of keys) {
    await using bench = await openBenchStore('memory');
    await load(bench.store, held, keyOf);
    const hash = new ResultHash();
    const [updates, inserts]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const from = round * operations;
      updates.push(
        await cost(operations, () =>
          load(bench.store, operations, (n) => keyOf(((from + n) * STRIDE) % held)),
        ),
      );
      inserts.push(
        await cost(operations, () => load(bench.store, operations, (n) => keyOf(held + from + n))),
      );
      hash.add(bench.store.revision);
    }
    const many = `${held.toLocaleString('en')} keys`;
    costs.push({
      update: figure({ name: `put of an old key, ${many}: CPU`, unit: 'us', hash: String(hash) }, updates),
      insert: figure({ name: `put of a new key, ${many}: CPU`, unit: 'us', hash: String(hash) }, inserts),
    });
  }
  const [small, large] = [costs[0]!, costs[1]!];
  return [
    ...costs.flatMap(({ update, insert }) => [update, insert]),
    ratio(`put of an old key, ${keys[1] / keys[0]} times the keys`, large.update, small.update),
    ratio(`put of a new key, ${keys[1] / keys[0]} times the keys`, large.insert, small.insert),
  ];
};

function load(store: Store, count: number, keyAt: (n: number) => Buffer): Promise<number> {
  return putAll(store, { count, callers: 256, valueBytes: VALUE_BYTES, keyAt });
}

async function cost(operations: number, run: () => Promise<unknown>): Promise<number> {
  const start = cpuMicros();
  await run();
  return (cpuMicros() - start) / operations;
}

function ratio(name: string, large: Figure, small: Figure): Figure {
  return figure({ name, unit: 'ratio', atMost: 1.3 }, [large.value / small.value]);
}
