import type { EngineKind } from './bench-store.ts';
import { keyOf, openBenchStore, putAll } from './bench-store.ts';
import type { Bench, Figure } from './figures.ts';
import { cpuMicros, figure, ResultHash } from './figures.ts';

const VALUE_BYTES = 512;
/** One caller commits one put at a time, so that fewer of them are enough. */
const ALONE_SHARE = 20;

/** Propose and commit through the store: evaluation, chunk, commit, index, answer. No transport. */
export const benchPut: Bench = async ({ rounds, operations, keys }) => {
  const figures: Figure[] = [];
  for (const [kind, callers, atMost] of [
    ['memory', 256, 4],
    ['memory', 1, undefined],
    ['level', 256, 6],
    ['level', 1, undefined],
  ] as const) {
    const count = callers === 1 ? Math.ceil(operations / ALONE_SHARE) : operations;
    figures.push(await measure({ kind, callers, atMost, rounds, count, keys: keys[0] }));
  }
  return figures;
};

async function measure(options: {
  kind: EngineKind;
  callers: number;
  atMost: number | undefined;
  rounds: number;
  count: number;
  keys: number;
}): Promise<Figure> {
  const { kind, callers, rounds, count, keys, atMost } = options;
  await using bench = await openBenchStore(kind);
  const keyAt = Array.from({ length: Math.min(keys, count) }, (_, n) => keyOf(n));
  const write = (): Promise<number> =>
    putAll(bench.store, { count, callers, valueBytes: VALUE_BYTES, keyAt: (n) => keyAt[n % keyAt.length]! });
  await write();
  const hash = new ResultHash();
  const [cpu, elapsed]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const [cpuStart, start] = [cpuMicros(), performance.now()];
    hash.add(await write());
    cpu.push((cpuMicros() - cpuStart) / count);
    elapsed.push(((performance.now() - start) * 1000) / count);
  }
  const note = `elapsed ${figure({ name: '', unit: 'us' }, elapsed).value.toFixed(1)} us`;
  const about = {
    name: `put of ${VALUE_BYTES} B, ${kind}, ${callers} callers: CPU`,
    unit: 'us',
    note,
  } as const;
  return figure({ ...about, hash: String(hash), ...(atMost === undefined ? {} : { atMost }) }, cpu);
}
