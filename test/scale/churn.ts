/**
 * A store in this process with many keys, overwritten, removed and added without a break, compacted every second:
 * `churn.ts JSON`, see ChurnOptions. Prints the longest delay of the event loop in each window, in ms, a line each.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { EngineKind } from '../../bench/bench-store.ts';
import { keyOf, openBenchStore, putAll, startPuts } from '../../bench/bench-store.ts';

export interface ChurnOptions {
  readonly engine: EngineKind;
  readonly keys: number;
  readonly windows: number;
  readonly windowMs: number;
}

const VALUE_BYTES = 100;
const CALLERS = 64;
/** Every so many-th put another key is deleted, which a later put brings back. */
const DELETE_EVERY = 4;
const COMPACT_MS = 1000;
/** Revisions that stay readable. */
const KEPT = 20_000;
const NOTHING = Buffer.alloc(0);

const { engine, keys, windows, windowMs } = JSON.parse(process.argv[2]!) as ChurnOptions;
await using bench = await openBenchStore(engine);
const { store } = bench;
const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
await putAll(store, { count: keys, callers: 256, valueBytes: VALUE_BYTES, keyAt: keyOf });
await rest(2000);

const churn = startPuts(store, {
  count: Infinity,
  callers: CALLERS,
  valueBytes: VALUE_BYTES,
  keyAt: (n) => {
    if (n % DELETE_EVERY === 0) {
      const key = keyOf((n * 104_729) % keys);
      store.deleteRange({ key, rangeEnd: NOTHING, prevKv: false }, key.length, () => undefined);
    }
    return keyOf((n * 7919) % keys);
  },
});
const compactor = setInterval(() => {
  store.compact({ revision: Math.max(1, store.revision - KEPT), physical: false }, () => undefined);
}, COMPACT_MS);
await rest(windowMs);
const delay = monitorEventLoopDelay({ resolution: 1 });
for (let window = 0; window < windows; window++) {
  const before = store.revision;
  delay.reset();
  delay.enable();
  await rest(windowMs);
  delay.disable();
  const perSecond = Math.round(((store.revision - before) * 1000) / windowMs);
  process.stdout.write(
    `${JSON.stringify({ maxMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6, perSecond })}\n`,
  );
}
clearInterval(compactor);
churn.stop();
await churn.ended;
