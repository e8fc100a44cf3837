import type { Chunk, ChunkHeader, Head, Record } from '../../src/log/index.ts';
import {
  decodeHead,
  EntryColumns,
  EntryKind,
  LogKeys,
  readChunk,
  readRecord,
  sequenceOfSlot,
} from '../../src/log/index.ts';
import { decodeKeyValue } from '../../src/wire/index.ts';
import type { Entry } from './state.ts';
import { latin1 } from './state.ts';

/** The highest chunk format that any simulated node writes: it has the content of the one before. */
export const FORMAT_MAX = 2;

export interface ParsedChunk {
  readonly header: ChunkHeader;
  readonly entries: readonly Entry[];
}

/** What the store holds, seen at the instant of each commit. Each chunk is parsed once. */
export class StoredLog {
  readonly #keys: LogKeys;
  readonly #headKey: string;
  /** Slot -> chunk. */
  readonly chunks = new Map<number, ParsedChunk>();
  head: Head | undefined;

  constructor(keyspace: string) {
    this.#keys = new LogKeys(keyspace);
    this.#headKey = latin1(this.#keys.head);
  }

  /** Applies the writes of one commit; the chunks that are new in it, in order. */
  apply(
    writes: readonly { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[],
  ): ParsedChunk[] {
    const written: ParsedChunk[] = [];
    for (const { key, value } of writes) {
      if (latin1(key) === this.#headKey) {
        if (value !== undefined) this.head = decodeHead(value);
        continue;
      }
      const slot = sequenceOfSlot(key);
      if (value === undefined) {
        this.chunks.delete(slot);
        continue;
      }
      const parsed = parse(readChunk(value, slot, FORMAT_MAX));
      this.chunks.set(slot, parsed);
      written.push(parsed);
    }
    return written.sort((a, b) => a.header.first - b.header.first);
  }

  /** Every chunk, in order. */
  ordered(): ParsedChunk[] {
    return [...this.chunks].sort(([a], [b]) => a - b).map(([, chunk]) => chunk);
  }
}

function parse(chunk: Chunk): ParsedChunk {
  const columns = new EntryColumns();
  columns.parse(chunk);
  const entries: Entry[] = [];
  for (let i = 0; i < columns.count; i++) entries.push(entryAt(chunk, columns, i));
  return { header: chunk.header, entries };
}

function entryAt({ bytes, position }: Chunk, columns: EntryColumns, i: number): Entry {
  const kind = columns.kinds[i]!;
  const offset = columns.bodyOffsets[i]!;
  const body = bytes.subarray(offset, offset + columns.bodyLengths[i]!);
  const common = { sequence: columns.sequences[i]!, revision: columns.revisions[i]!, sub: columns.subs[i]! };
  if (kind === EntryKind.put || kind === EntryKind.delete) {
    const kv = decodeKeyValue(body);
    return {
      ...common,
      kind: kind === EntryKind.put ? 'put' : 'delete',
      key: latin1(kv.key),
      kv,
      lease: kv.lease,
      number: 0,
    };
  }
  const record = readRecord(kind, body, position);
  const lease = 'id' in record ? record.id : 0n;
  return { ...common, kind: record.kind, key: '', kv: undefined, lease, number: numberOf(record) };
}

function numberOf(record: Record): number {
  if (record.kind === 'compact') return record.revision;
  if (record.kind === 'epoch') return record.epoch;
  return record.kind === 'grant' ? record.ttl : 0;
}
