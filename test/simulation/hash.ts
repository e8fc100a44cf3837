import { crc32c } from '../../src/store/crc32c.ts';
import { encodeKeyValue } from '../../src/wire/index.ts';
import type { Entry } from './state.ts';

/**
 * HashKV of a history, as etcd's kvHasher sees its backend after a finished compaction (see src/store/hash-kv.ts, which
 * gets there another way). `entries` are all that ever happened, in order.
 */
export function hashOf(entries: readonly Entry[], compacted: number, revision: number): number {
  const versions = entries.filter(
    (entry) => (entry.kind === 'put' || entry.kind === 'delete') && entry.revision <= revision,
  );
  const kept = newestPuts(versions, revision);
  const stored = newestPuts(versions, compacted);
  let sum = crc32c(0, Buffer.from('key'));
  for (const entry of versions) {
    if (entry.revision <= compacted && !(kept.size > 0 ? kept : stored).has(entry)) continue;
    const row = Buffer.alloc(18, '_');
    row.writeBigInt64BE(BigInt(entry.revision), 0);
    row.writeBigInt64BE(BigInt(entry.sub), 9);
    row[17] = 't'.charCodeAt(0);
    const isPut = entry.kind === 'put';
    sum = crc32c(sum, row, 0, isPut ? 17 : 18);
    const { key } = entry.kv!;
    const nothing = { createRevision: 0, modRevision: 0, version: 0, value: new Uint8Array(0), lease: 0n };
    sum = crc32c(sum, encodeKeyValue(isPut ? entry.kv! : { key, ...nothing }));
  }
  return sum;
}

/** Of each key what a reader at `revision` sees. */
function newestPuts(versions: readonly Entry[], revision: number): ReadonlySet<Entry> {
  const newest = new Map<string, Entry>();
  for (const entry of versions) if (entry.revision <= revision) newest.set(entry.key, entry);
  return new Set([...newest.values()].filter(({ kind }) => kind === 'put'));
}
