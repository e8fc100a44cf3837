import type { Bytes } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import type { Chunk } from './chunk.ts';
import { readChunk } from './chunk.ts';
import { EntryColumns } from './entry.ts';
import { damaged, LogError } from './errors.ts';
import { sequenceOfSlot } from './keys.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap } from './log-map.ts';
import { EntryKind } from './records.ts';
import type { VersionKind } from './records.ts';

export interface HistoryReaderOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly map: LogMap;
  /** The highest chunk format that is read. @default 1 */
  readonly knows?: number;
  /** Bound of the chunks that are kept parsed, in bytes; at least one is kept. @default 8 MiB */
  readonly cacheBytesMax?: number;
}

export interface HistoryBody {
  readonly revision: number;
  readonly sub: number;
  readonly kind: VersionKind;
  /** A put's `KeyValue`, a delete's tombstone. A view into its chunk, which nobody changes. */
  readonly body: Bytes;
}

/** The chunks that cover one row of the map. */
interface Block {
  readonly versions: readonly HistoryBody[];
  readonly bytes: number;
  /** The highest compaction that one of them was cleaned at. */
  readonly cleanedRevision: number;
  /** The last sequence that they cover. */
  readonly last: number;
}

const CACHE_BYTES_MAX = 8 * 1024 * 1024;
/** What a parsed version takes beside its body. */
const VERSION_BYTES = 128;

/** Reads bodies that memory no longer holds back from the engine, checksums verified. */
export class HistoryReader {
  readonly #options: HistoryReaderOptions;
  /** By the first sequence of their row; the one used last is the last one. Bodies never change, so nothing here goes stale. */
  readonly #cache = new Map<number, Block>();
  /** Reads under way, so that neighbours that are asked for together share one. */
  readonly #underWay = new Map<number, Promise<Block>>();
  #cacheBytes = 0;

  constructor(options: HistoryReaderOptions) {
    this.#options = options;
  }

  /**
   * The body of a committed version, or `compacted` when cleaning has taken it. Rejects with EngineError, with LogError
   * `log-damaged` also when the version is missing although nothing has been cleaned there.
   */
  async body(revision: number, sub: number): Promise<Bytes | 'compacted'> {
    const { map } = this.#options;
    let cleanedRevision = 0;
    let sequence = map.rows > 0 ? map.start(map.rowOfRevision(revision)) : 1;
    while (sequence <= map.lastSequence) {
      const block = await this.#block(sequence);
      cleanedRevision = Math.max(cleanedRevision, block.cleanedRevision);
      const at = firstFrom(block.versions, revision, sub);
      const found = block.versions[at];
      if (found !== undefined && found.revision === revision && found.sub === sub) return found.body;
      if (found !== undefined) break;
      sequence = block.last + 1;
    }
    if (cleanedRevision > revision) return 'compacted';
    throw damaged(`revision ${revision}.${sub}`, 'it is not in the log');
  }

  /**
   * The versions of the revisions `from` to `to`, in order, as they are in the log now. Throws LogError `log-compacted`,
   * with the compaction, as soon as one may be missing; `log-stopped` when aborted.
   */
  async *bodies(from: number, to: number, signal: AbortSignal): AsyncGenerator<HistoryBody, void, void> {
    const { engine, keys, map, knows } = this.#options;
    if (map.rows === 0) return;
    const start = map.start(map.rowOfRevision(from));
    await using snapshot = await engine.snapshot();
    for await (const entries of snapshot.scan(keys.slotsFrom(start))) {
      for (const { key, value } of entries) {
        if (signal.aborted)
          throw new LogError('log-stopped', 'Cannot finish reading history: it was aborted');
        const chunk = readChunk(value, sequenceOfSlot(key), knows);
        const versions = versionsOf(chunk);
        const { cleanedRevision } = chunk.header;
        if (cleanedRevision > from) {
          const text = `Cannot read history from revision ${from}: it has been compacted at ${cleanedRevision}`;
          throw new LogError('log-compacted', text, { compacted: cleanedRevision });
        }
        for (const version of versions) {
          if (version.revision > to) return;
          if (version.revision >= from) yield version;
        }
      }
    }
  }

  async #block(sequence: number): Promise<Block> {
    const cached = this.#cache.get(sequence);
    if (cached !== undefined) {
      this.#cache.delete(sequence);
      this.#cache.set(sequence, cached);
      return cached;
    }
    let reading = this.#underWay.get(sequence);
    if (reading === undefined) {
      const end = this.#options.map.end(this.#options.map.rowOf(sequence));
      reading = this.#read(sequence, end).finally(() => this.#underWay.delete(sequence));
      this.#underWay.set(sequence, reading);
    }
    return reading;
  }

  /** The chunks that cover `sequence` to `end`. */
  async #read(sequence: number, end: number): Promise<Block> {
    const { engine, keys, map, knows } = this.#options;
    const isComplete = end < map.lastSequence;
    const versions: HistoryBody[] = [];
    let bytes = 0;
    let cleanedRevision = 0;
    let last = sequence - 1;
    await using snapshot = await engine.snapshot();
    scan: for await (const entries of snapshot.scan(keys.slotsFrom(sequence))) {
      for (const { key, value } of entries) {
        if (last >= end) break scan;
        const chunk = readChunk(value, sequenceOfSlot(key), knows);
        for (const version of versionsOf(chunk)) versions.push(version);
        bytes += value.length;
        cleanedRevision = Math.max(cleanedRevision, chunk.header.cleanedRevision);
        last = chunk.header.last;
      }
    }
    if (last < end) throw damaged(`sequence ${last + 1}`, `the log ends before ${end}`);
    const block = { versions, bytes: bytes + versions.length * VERSION_BYTES, cleanedRevision, last };
    // The row that is still being written is not worth keeping.
    if (isComplete) this.#keep(sequence, block);
    return block;
  }

  #keep(sequence: number, block: Block): void {
    const bytesMax = this.#options.cacheBytesMax ?? CACHE_BYTES_MAX;
    this.#cache.set(sequence, block);
    this.#cacheBytes += block.bytes;
    for (const [oldest, { bytes }] of this.#cache) {
      if (this.#cacheBytes <= bytesMax || oldest === sequence) break;
      this.#cache.delete(oldest);
      this.#cacheBytes -= bytes;
    }
  }
}

function versionsOf(chunk: Chunk): HistoryBody[] {
  const columns = new EntryColumns();
  columns.parse(chunk);
  const versions: HistoryBody[] = [];
  for (let i = 0; i < columns.count; i++) {
    const kind = columns.kinds[i]!;
    if (kind > EntryKind.delete) continue;
    const offset = columns.bodyOffsets[i]!;
    versions.push({
      revision: columns.revisions[i]!,
      sub: columns.subs[i]!,
      kind: kind as VersionKind,
      body: chunk.bytes.subarray(offset, offset + columns.bodyLengths[i]!),
    });
  }
  return versions;
}

/** Position of the first version at or above (revision, sub). */
function firstFrom(versions: readonly HistoryBody[], revision: number, sub: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const version = versions[middle]!;
    if (version.revision < revision || (version.revision === revision && version.sub < sub)) low = middle + 1;
    else high = middle;
  }
  return low;
}
