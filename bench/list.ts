import type { Store } from '../src/store/index.ts';
import type { RangeResult } from '../src/store/index.ts';
import type { RangeRequest } from '../src/wire/index.ts';
import { keyOf, openBenchStore, putAll, rangeRequest, startPuts } from './bench-store.ts';
import { wire } from './built.ts';
import type { Bench, Figure } from './figures.ts';
import { cpuMicros, figure, ResultHash } from './figures.ts';

const PAGE = 500;
const VALUE_BYTES = 100;
const FIRST = Buffer.from('/');
const END = Buffer.from('0');
/** What is read of a message at a time, as for a frame. */
const block = Buffer.alloc(16 * 1024);
const identity = wire.headerIdentity(1n, 2n);

/** A list in one piece, and in pages of 500 at a pinned revision while writes go on. */
export const benchList: Bench = async ({ rounds, listed }) => {
  const figures: Figure[] = [];
  for (const keys of listed) {
    await using bench = await openBenchStore('memory');
    const { store } = bench;
    await putAll(store, { count: keys, callers: 256, valueBytes: VALUE_BYTES, keyAt: keyOf });
    const repeats = Math.max(1, Math.floor(listed[1] / keys / 10));
    const hash = new ResultHash();
    const [elapsed, cpu]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds + 1; round++) {
      const [cpuStart, start] = [cpuMicros(), performance.now()];
      for (let i = 0; i < repeats; i++) hash.add(await listOnce(store, keys));
      if (round === 0) continue;
      elapsed.push((performance.now() - start) / repeats);
      cpu.push((cpuMicros() - cpuStart) / repeats / 1000);
    }
    const name = `list of ${keys.toLocaleString('en')} x ${VALUE_BYTES} B`;
    const note = `CPU ${figure({ name, unit: 'ms' }, cpu).value.toFixed(2)} ms`;
    const isAim = keys === 100_000 ? { atMost: 30 } : {};
    figures.push(figure({ name, unit: 'ms', note, hash: String(hash), ...isAim }, elapsed));
    figures.push(await pages(store, keys, rounds));
  }
  return figures;
};

/** With the response's bytes, as the server sends them. */
async function listOnce(store: Store, keys: number): Promise<number> {
  const { kvs, count } = await range(store, rangeRequest(FIRST, { rangeEnd: END }));
  if (count !== keys || kvs.count !== keys)
    throw new Error(`${kvs.count} of ${count} keys listed, not ${keys}`);
  const header = { identity, revision: store.revision, raftTerm: 2 };
  const message = wire.encodeRangeResponse({ header, kvs, more: false, count });
  if (Buffer.isBuffer(message)) return message.length;
  for (let left = message.length; left > 0; left -= Math.min(left, block.length)) {
    message.read(block, 0, Math.min(left, block.length));
  }
  return message.length;
}

/** The whole range in pages pinned at the first one's revision; 16 overwrites are under way at any time. */
async function pages(store: Store, keys: number, rounds: number): Promise<Figure> {
  const hash = new ResultHash();
  const [perPage, writes]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const keyAt = (n: number): Buffer => keyOf((n * 31) % keys);
    const writing = startPuts(store, { count: Infinity, callers: 16, valueBytes: VALUE_BYTES, keyAt });
    const start = cpuMicros();
    let [key, revision, seen, count] = [FIRST, 0, 0, 0];
    for (let more = true; more; count++) {
      const page = await range(store, rangeRequest(key, { rangeEnd: END, limit: PAGE, revision }));
      revision = revision === 0 ? page.revision : revision;
      seen += page.kvs.count;
      more = page.more;
      const last = wire.keyView(page.kvs.buffer(page.kvs.count - 1), page.kvs.offset(page.kvs.count - 1));
      key = Buffer.concat([last, Buffer.of(0)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    perPage.push((cpuMicros() - start) / count);
    writes.push(writing.stop());
    await writing.ended;
    if (seen !== keys) throw new Error(`${seen} keys in pages, not ${keys}`);
    hash.add(seen);
  }
  const note = `CPU with ${writes.join(', ')} puts meanwhile`;
  const name = `page of ${PAGE}, pinned, of ${keys.toLocaleString('en')} keys`;
  return figure({ name, unit: 'us', note, hash: String(hash) }, perPage);
}

function range(store: Store, request: RangeRequest): Promise<RangeResult> {
  return new Promise((resolve, reject) => {
    store.range(request, (error, result) => (error === undefined ? resolve(result) : reject(error)));
  });
}
