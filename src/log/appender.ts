import { assert } from '../base/index.ts';
import type { Arena } from '../base/index.ts';
import { keyValueSize, tombstoneSize, writeKeyValue, writeTombstone } from '../wire/key-value.ts';
import { CHUNK_HEADER_LENGTH, writeChunkHeader } from './chunk.ts';
import { entryHeaderSize, writeEntryHeader } from './entry.ts';
import { EntryKind, recordSize, writeRecord } from './records.ts';
import type { Record } from './records.ts';

/** The entries of a chunk that is not finished yet. */
export interface Draft {
  /** The whole segment that they lie in. Held here, because its arena may forget it while the commit is under way. */
  readonly buffer: Buffer;
  readonly offset: number;
  readonly length: number;
  readonly entries: number;
  readonly removals: number;
  /** The highest revision among its entries, or 0. */
  readonly revision: number;
  readonly continues: boolean;
}

/**
 * Writes entries in place, one behind the other in the arena, where memory keeps their bodies. What is stored is a copy
 * of such a run behind a header: a header in the arena would outlive its use, 60 MiB for a million chunks of one put.
 *
 * 1. The entries of a chunk are one run of bytes in one segment. When the segment has no more room, or somebody else has
 *    taken the bytes behind, the chunk ends and the next one begins.
 * 2. A chunk that ends inside a proposal `continues`.
 */
export class Appender {
  /** Where the body of the last entry lies. */
  segment = 0;
  bodyOffset = 0;
  bodyLength = 0;
  /** The last entry ends its proposal. */
  sealed = true;
  /** Bytes of the entries since the last `cut`, headers of chunks included. */
  bytes = 0;
  readonly #arena: Arena;
  #drafts: Draft[] = [];
  #buffer: Buffer | undefined;
  #segment = 0;
  #start = 0;
  #end = 0;
  #entries = 0;
  #removals = 0;
  #revision = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Which chunk since the last `cut` the last entry went to, from 0 on. */
  get chunkIndex(): number {
    return this.#drafts.length;
  }

  put(
    revision: number,
    sub: number,
    key: Uint8Array,
    createRevision: number,
    version: number,
    value: Uint8Array,
    lease: bigint,
  ): void {
    const length = keyValueSize(key.length, createRevision, revision, version, value.length, lease);
    const buffer = this.#entry(EntryKind.put, revision, sub, length);
    writeKeyValue(buffer, this.bodyOffset, key, createRevision, revision, version, value, lease);
  }

  remove(revision: number, sub: number, key: Uint8Array): void {
    const buffer = this.#entry(EntryKind.delete, revision, sub, tombstoneSize(key.length, revision));
    writeTombstone(buffer, this.bodyOffset, key, revision);
    this.#removals++;
  }

  record(record: Record): void {
    const buffer = this.#entry(EntryKind[record.kind], 0, 0, recordSize(record));
    writeRecord(buffer, record, this.bodyOffset);
    if (record.kind === 'revoke' || (record.kind === 'alarm' && !record.active)) this.#removals++;
  }

  /** Ends the open chunk and hands over all chunks since the last cut. */
  cut(): Draft[] {
    this.#close();
    const drafts = this.#drafts;
    this.#drafts = [];
    this.bytes = 0;
    return drafts;
  }

  /** Reserves an entry and writes all of it but the body. */
  #entry(kind: number, revision: number, sub: number, bodyLength: number): Buffer {
    const headerLength = entryHeaderSize(0, revision, sub, bodyLength);
    const buffer = this.#place(headerLength + bodyLength);
    const at = this.#end - headerLength - bodyLength;
    this.bodyOffset = writeEntryHeader(buffer, at, kind, 0, revision, sub, bodyLength);
    this.bodyLength = bodyLength;
    this.segment = this.#segment;
    this.sealed = false;
    this.#entries++;
    if (revision > this.#revision) this.#revision = revision;
    return buffer;
  }

  #place(length: number): Buffer {
    const arena = this.#arena;
    this.bytes += length;
    if (this.#buffer !== undefined && arena.room() >= length) {
      const place = arena.reserve(length);
      if (place.offset === this.#end && place.segment === this.#segment) {
        this.#end += length;
        return this.#buffer;
      }
    }
    this.#close();
    const place = arena.reserve(length);
    this.bytes += CHUNK_HEADER_LENGTH;
    this.#buffer = place.bytes;
    this.#segment = place.segment;
    this.#start = place.offset;
    this.#end = place.offset + length;
    return place.bytes;
  }

  #close(): void {
    if (this.#buffer === undefined) return;
    this.#drafts.push({
      buffer: this.#buffer,
      offset: this.#start,
      length: this.#end - this.#start,
      entries: this.#entries,
      removals: this.#removals,
      revision: this.#revision,
      continues: !this.sealed,
    });
    this.#buffer = undefined;
    this.#entries = this.#removals = this.#revision = 0;
  }
}

/** Makes a chunk of a draft: its bytes as they are stored and sent. */
export function finishDraft(draft: Draft, format: number, epoch: number, sequence: number): Buffer {
  assert(draft.entries > 0, 'a fresh chunk has entries');
  const { buffer, offset, length } = draft;
  const chunk = Buffer.allocUnsafe(CHUNK_HEADER_LENGTH + length);
  buffer.copy(chunk, CHUNK_HEADER_LENGTH, offset, offset + length);
  const header = {
    format,
    epoch,
    first: sequence,
    last: sequence,
    continues: draft.continues,
    swept: false,
    cleanedRevision: 0,
    cleanedSequence: 0,
    entryCount: draft.entries,
    entriesLength: length,
  };
  writeChunkHeader(chunk, header, 0);
  return chunk;
}
