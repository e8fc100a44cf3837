import { assert } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import { keyView } from '../wire/key-value.ts';
import type { Chunk } from './chunk.ts';
import { CHUNK_HEADER_LENGTH, writeChunkHeader } from './chunk.ts';
import { EntryColumns, entryHeaderSize, isRemoval, writeEntryHeader } from './entry.ts';
import { planted } from './faults.ts';
import type { LogFaults } from './faults.ts';
import type { StoredChunk } from './log-map.ts';
import { EntryKind, readRecord } from './records.ts';
import type { Liveness } from './target.ts';

/** What a sweep was bound to at its start. */
export interface Sweep {
  readonly compacted: number;
  readonly sequence: number;
}

/** A chunk with a verdict on each of its entries. */
export interface Judged {
  readonly chunk: Chunk;
  readonly columns: EntryColumns;
  /** 1: a replay needs the entry. */
  readonly isLive: Uint8Array;
  readonly liveCount: number;
  /** Bytes of the live entries. */
  readonly liveBytes: number;
  readonly removals: number;
  /** A removal is among the dead. */
  readonly isSwept: boolean;
  /** The compaction and the sequence by which it was judged. */
  readonly compacted: number;
  readonly sequence: number;
}

/** So many entries are judged before the event loop has its turn. */
const JUDGED_AT_ONCE = 256;

/**
 * Judges each entry of `chunk`: dead is a put below the compaction, or a grant, that is superseded or revoked, a
 * compaction below a newer one, a raised alarm that is lifted; and, only for a sweep, a removal older than its start. What
 * is dead stays dead, so the verdicts hold although the state goes on meanwhile; it counts as judged by the state at the
 * end.
 */
export async function judge(
  chunk: Chunk,
  options: {
    readonly liveness: Liveness;
    readonly sweep: Sweep | undefined;
    readonly faults: LogFaults;
    readonly pause: () => Promise<void>;
  },
): Promise<Judged> {
  const { liveness, pause } = options;
  const columns = new EntryColumns();
  columns.parse(chunk);
  const { count, starts, kinds, bodyOffsets } = columns;
  const isLive = new Uint8Array(count);
  let liveCount = 0;
  let liveBytes = 0;
  let removals = 0;
  let isSwept = false;
  for (let i = 0; i < count; i++) {
    if (i % JUDGED_AT_ONCE === JUDGED_AT_ONCE - 1) await pause();
    const isRemoving = isRemoval(kinds[i]!, chunk.bytes, bodyOffsets[i]!);
    if (isRemoving) removals++;
    const live = isRemoving ? !isSweepable(columns, i, options) : isNeeded(chunk, columns, i, liveness);
    if (live) {
      isLive[i] = 1;
      liveCount++;
      liveBytes += starts[i + 1]! - starts[i]!;
    } else if (isRemoving) isSwept = true;
  }
  const { compacted, sequence } = liveness;
  return { chunk, columns, isLive, liveCount, liveBytes, removals, isSwept, compacted, sequence };
}

function isNeeded(chunk: Chunk, columns: EntryColumns, i: number, liveness: Liveness): boolean {
  const kind = columns.kinds[i]!;
  const offset = columns.bodyOffsets[i]!;
  if (kind === EntryKind.put) {
    const revision = columns.revisions[i]!;
    // Also what the compacted revision itself supersedes is kept: its changes can still be watched.
    if (revision >= liveness.compacted) return true;
    return liveness.putIsLive(keyView(chunk.bytes, offset), revision, columns.subs[i]!);
  }
  const body = chunk.bytes.subarray(offset, offset + columns.bodyLengths[i]!);
  const record = readRecord(kind, body, chunk.position);
  switch (record.kind) {
    case 'grant':
      return liveness.grantIsLive(record.id, columns.sequences[i]!);
    case 'compact':
      return record.revision >= liveness.compacted;
    case 'alarm':
      return liveness.alarmIsLive(record.member, record.alarm);
    default:
      return true;
  }
}

function isSweepable(
  columns: EntryColumns,
  i: number,
  options: { readonly liveness: Liveness; readonly sweep: Sweep | undefined; readonly faults: LogFaults },
): boolean {
  const { faults, liveness, sweep } = options;
  const isDelete = columns.kinds[i] === EntryKind.delete;
  const revision = columns.revisions[i]!;
  if (sweep === undefined)
    return planted(faults, 'drop-tombstone-in-cleaning') && isDelete && revision < liveness.compacted;
  const bound = planted(faults, 'sweep-unbound') ? liveness : sweep;
  if (columns.sequences[i]! > bound.sequence) return false;
  return !isDelete || revision < bound.compacted;
}

/** A chunk that replaces others. */
export interface Rewritten extends StoredChunk {
  readonly value: Bytes;
}

/**
 * One chunk with the live entries of several that follow one another. It lies where the last of them lay, covers what
 * they covered, and names the highest compaction and sequence that any of them was cleaned at. It has `formatMin`, or the
 * highest format of any of them: what was written in a format was written because everybody knew it.
 */
export function rewrite(parts: readonly Judged[], formatMin: number): Rewritten {
  const first = parts[0]!.chunk.header.first;
  const end = parts[parts.length - 1]!.chunk.header;
  let [length, entryCount, removals, cleanedRevision, cleanedSequence] = [CHUNK_HEADER_LENGTH, 0, 0, 0, 0];
  let swept = false;
  let format = formatMin;
  let next = first;
  for (const part of parts) {
    const { header } = part.chunk;
    assert(header.first === next, 'chunks that are merged follow one another');
    next = header.last + 1;
    const isCleaned = part.liveCount < part.columns.count;
    entryCount += part.liveCount;
    cleanedRevision = Math.max(cleanedRevision, header.cleanedRevision, isCleaned ? part.compacted : 0);
    cleanedSequence = Math.max(cleanedSequence, header.cleanedSequence, isCleaned ? part.sequence : 0);
    swept ||= header.swept || part.isSwept;
    format = Math.max(format, header.format);
    length += liveLength(part, first);
  }
  const value = Buffer.allocUnsafe(length);
  let at = CHUNK_HEADER_LENGTH;
  for (const part of parts) {
    const { kinds, sequences, revisions, subs, bodyOffsets, bodyLengths } = part.columns;
    for (let i = 0; i < part.columns.count; i++) {
      if (part.isLive[i] === 0) continue;
      const from = bodyOffsets[i]!;
      const bodyLength = bodyLengths[i]!;
      const offset = sequences[i]! - first;
      const bodyAt = writeEntryHeader(value, at, kinds[i]!, offset, revisions[i]!, subs[i]!, bodyLength);
      part.chunk.bytes.copy(value, bodyAt, from, from + bodyLength);
      at = bodyAt + bodyLength;
      if (isRemoval(kinds[i]!, value, bodyAt)) removals++;
    }
  }
  assert(at === length, 'a rewritten chunk is as long as was computed');
  const { epoch, last, continues } = end;
  const entriesLength = length - CHUNK_HEADER_LENGTH;
  writeChunkHeader(
    value,
    {
      format,
      epoch,
      first,
      last,
      continues,
      swept,
      cleanedRevision,
      cleanedSequence,
      entryCount,
      entriesLength,
    },
    0,
  );
  return { last, bytes: length, entries: entryCount, removals, value };
}

function liveLength({ columns, isLive }: Judged, first: number): number {
  const { count, sequences, revisions, subs, bodyLengths } = columns;
  let length = 0;
  for (let i = 0; i < count; i++) {
    if (isLive[i] === 0) continue;
    const bodyLength = bodyLengths[i]!;
    length += entryHeaderSize(sequences[i]! - first, revisions[i]!, subs[i]!, bodyLength) + bodyLength;
  }
  return length;
}
