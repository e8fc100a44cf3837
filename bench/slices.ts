import type { Scheduler } from '../src/base/index.ts';
import type { Store } from '../src/store/index.ts';
import type { RangeRequest } from '../src/wire/index.ts';
import { keyOf, openBenchStore, putAll, rangeRequest } from './bench-store.ts';
import { runtime } from './built.ts';
import type { Bench, Figure } from './figures.ts';
import { figure, ResultHash } from './figures.ts';

const VALUE_BYTES = 100;
const FIRST = Buffer.from('/');
const END = Buffer.from('0');
const NOTHING = Buffer.alloc(0);
/** One key in so many is deleted before the compaction. */
const DELETED_ONE_IN = 10;
/** What is aimed at holds for all but so few slices: collections of garbage come where they like. */
const SHARE = 0.99;

/** How long slices of long work last: what a small request waits for when it comes while a list is walked. */
export const benchSlices: Bench = async ({ rounds, replayed }) => {
  const keys = replayed[1];
  const timed = new TimedScheduler();
  await using bench = await openBenchStore('memory', timed);
  const { store } = bench;
  const hash = new ResultHash();
  const all = { rangeEnd: END };
  const list = rangeRequest(FIRST, all);
  const figures: Figure[] = [];
  const measure = async (what: string, times: number, work: () => Promise<unknown>): Promise<void> => {
    const [shares, longest]: [number[], number[]] = [[], []];
    for (let round = 0; round < times; round++) {
      timed.begin();
      await work();
      const slices = timed.end();
      shares.push(slices[Math.floor((slices.length - 1) * SHARE)]!);
      longest.push(slices[slices.length - 1]!);
    }
    const note = `longest ${longest.map((ms) => ms.toFixed(2)).join(', ')} ms`;
    const name = `slice of ${what}, ${keys.toLocaleString('en')} keys: 99 of 100`;
    figures.push(figure({ name, unit: 'ms', atMost: 0.2, note, hash: String(hash) }, shares));
  };

  await putAll(store, { count: keys, callers: 256, valueBytes: VALUE_BYTES, keyAt: keyOf });
  const count = async (request: RangeRequest): Promise<void> => hash.add(await timed.count(store, request));
  await measure('a list', rounds, () => count(list));
  await measure('a list of keys', rounds, () => count({ ...list, keysOnly: true }));
  const revision = store.revision;
  await putAll(store, { count: keys / 2, callers: 256, valueBytes: VALUE_BYTES, keyAt: keyOf });
  const old = rangeRequest(FIRST, { ...all, revision, countOnly: true });
  await measure('a count at an old revision', rounds, () => count(old));
  for (let n = 0; n < keys; n += DELETED_ONE_IN) await deleted(store, keyOf(n));
  await measure('trimming', 1, () => compacted(store));
  return figures;
};

/** Measures what is run in later turns: the slices. One that the system interrupted for another process is left out. */
class TimedScheduler implements Scheduler {
  readonly #scheduler = new runtime.NodeScheduler();
  #timesMs: number[] = [];
  #disturbedMs: number[] = [];
  readonly after = this.#scheduler.after.bind(this.#scheduler);

  soon(run: () => void): void {
    this.#scheduler.soon(() => this.#time(run));
  }

  /** A range, whose first slice comes within the call. */
  count(store: Store, request: RangeRequest): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#time(() =>
        store.range(request, (error, result) =>
          error === undefined ? resolve(result.count) : reject(error),
        ),
      );
    });
  }

  begin(): void {
    this.#timesMs = [];
    this.#disturbedMs = [];
  }

  #time(run: () => void): void {
    const before = process.resourceUsage().involuntaryContextSwitches;
    const start = performance.now();
    run();
    const timeMs = performance.now() - start;
    const isDisturbed = process.resourceUsage().involuntaryContextSwitches !== before;
    (isDisturbed ? this.#disturbedMs : this.#timesMs).push(timeMs);
  }

  /** The times since `begin`, shortest first; the disturbed ones if there are no others. */
  end(): number[] {
    const times = this.#timesMs.length > 0 ? this.#timesMs : this.#disturbedMs;
    return times.toSorted((a, b) => a - b);
  }
}

function deleted(store: Store, key: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    store.deleteRange({ key, rangeEnd: NOTHING, prevKv: false }, key.length, (error) =>
      error === undefined ? resolve() : reject(error),
    );
  });
}

/** Until all of it is trimmed. */
function compacted(store: Store): Promise<void> {
  return new Promise((resolve) => {
    store.compact({ revision: store.revision, physical: true }, () => resolve());
  });
}
