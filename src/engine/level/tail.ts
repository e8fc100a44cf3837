import { crc32 } from 'node:zlib';
import { assert, compareBytes, EMPTY_BYTES, equalBytes } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import { EngineError } from '../index.ts';
import type { Batch, Entry } from '../index.ts';
import { decodeMark, encodeMark, MARK_BYTES, MARK_KEY, markOf, NO_MARK } from './mark.ts';
import type { Mark } from './mark.ts';

/**
 * The tail is the one record that every commit writes anew. It holds the mark of the commit and the carried key: the one
 * that the last condition was on, which is the head of a log and is overwritten by every commit too.
 *
 * It moves: it lies right behind the highest key that was ever written, and so is the last record of the store. At a
 * fixed place it would be in every table that LevelDB writes out of its memory; all tables would overlap, and each
 * would be merged once, at twice the CPU that writing it took. A log that only grows makes tables that follow one
 * another, and those are never merged. For the same reason a tail that has been left behind is not removed at once, which
 * would reach back into the table before, but together with the key that it lies behind.
 */
export interface Tail {
  readonly mark: Mark;
  /** Its key in LevelDB; undefined when the store has none. */
  readonly place: Bytes | undefined;
  /** The highest key that was ever written, but for carried ones; empty when none was. */
  readonly top: Bytes;
  /** It is nowhere else in the store. */
  readonly carried: Entry | undefined;
}

export type Operation = { type: 'put'; key: Bytes; value: Bytes } | { type: 'del'; key: Bytes };

/** What follows the highest key. A caller's key never ends like this. */
const SUFFIX = Buffer.from('00ff456e6772616dff7461696cff00', 'hex');
const NO_TAIL: Tail = { mark: NO_MARK, place: undefined, top: EMPTY_BYTES, carried: undefined };
/** More is not carried: it would be written again with each commit. */
const CARRIED_KEY_BYTES_MAX = 256;
const CARRIED_VALUE_BYTES_MAX = 256;
/** Key and value, each with its length; and a checksum. */
const CARRIED_OVERHEAD_BYTES = 12;

/** Whether it is the key of a tail, be it the last or one left behind, or of the mark, which an older version kept by itself. */
export function isTailKey(key: Bytes): boolean {
  return hasSuffix(key) || equalBytes(key, MARK_KEY);
}

function hasSuffix(key: Bytes): boolean {
  const start = key.length - SUFFIX.length;
  return start >= 0 && equalBytes(key.subarray(start), SUFFIX);
}

/** The tail that `batch` leaves behind `before`, and what is to be written for it: the tail is the first. */
export function planCommit(before: Tail, batch: Batch): { tail: Tail; operations: Operation[] } {
  const mark = markOf(before.mark.commit + 1, batch);
  const carried = carriedAfter(before.carried, batch);
  const writes: Operation[] = [];
  let highest = before.top;
  const put = (key: Bytes, value: Bytes): void => {
    assert(!hasSuffix(key), 'a key does not end as that of the tail');
    writes.push({ type: 'put', key, value });
    if (compareBytes(key, highest) > 0) highest = key;
    else dropTail(key);
  };
  const dropTail = (key: Bytes): void => {
    if (compareBytes(key, before.top) < 0) writes.push({ type: 'del', key: Buffer.concat([key, SUFFIX]) });
  };
  const old = before.carried;
  let isOldWritten = false;
  for (const { key, value } of batch.writes) {
    if (old !== undefined && equalBytes(key, old.key)) isOldWritten = true;
    if (carried !== undefined && equalBytes(key, carried.key)) continue;
    if (value === undefined) {
      writes.push({ type: 'del', key });
      dropTail(key);
    } else put(key, value);
  }
  const goesOn = old !== undefined && carried !== undefined && equalBytes(old.key, carried.key);
  if (old !== undefined && !goesOn && !isOldWritten) put(old.key, old.value);
  if (carried !== undefined && !goesOn && !isKnownAbsent(carried.key, batch))
    writes.push({ type: 'del', key: carried.key });
  const isMoved = before.place === undefined || highest !== before.top;
  const place = isMoved ? Buffer.concat([highest, SUFFIX]) : before.place;
  const tail: Tail = { mark, place, top: isMoved ? topOf(place) : before.top, carried };
  const operations: Operation[] = [{ type: 'put', key: place, value: encodeTail(tail) }, ...writes];
  return { tail, operations };
}

function isKnownAbsent(key: Bytes, { conditions }: Batch): boolean {
  return conditions.some((condition) => condition.is === 'absent' && equalBytes(condition.key, key));
}

/** A condition makes its key the carried one; then it is, for as long as it is there and no other key has one. */
function carriedAfter(before: Entry | undefined, { conditions, writes }: Batch): Entry | undefined {
  let key = before?.key;
  if (
    conditions.length > 0 &&
    !conditions.some((condition) => key !== undefined && equalBytes(condition.key, key))
  )
    key = conditions[0]!.key;
  if (key === undefined) return undefined;
  const write = writes.find((each) => equalBytes(each.key, key));
  if (write === undefined) return before;
  const { value } = write;
  if (value === undefined || value.length > CARRIED_VALUE_BYTES_MAX || key.length > CARRIED_KEY_BYTES_MAX)
    return undefined;
  return { key: key === before?.key ? key : Buffer.from(key), value: Buffer.from(value) };
}

/** `mark`, and if a key is carried: `key length u32, key, value length u32, value, checksum of these u32`, big endian. */
function encodeTail({ mark, carried }: Tail): Bytes {
  const head = encodeMark(mark);
  if (carried === undefined) return head;
  const { key, value } = carried;
  const bytes = Buffer.allocUnsafe(MARK_BYTES + CARRIED_OVERHEAD_BYTES + key.length + value.length);
  bytes.set(head, 0);
  let at = bytes.writeUInt32BE(key.length, MARK_BYTES);
  bytes.set(key, at);
  at = bytes.writeUInt32BE(value.length, at + key.length);
  bytes.set(value, at);
  at += value.length;
  bytes.writeUInt32BE(crc32(bytes.subarray(MARK_BYTES, at)), at);
  return bytes;
}

/**
 * The tail of a store whose last record is `last`.
 * @throws EngineError `corrupt`, or `format` for a newer one
 */
export function readTail(last: Entry | undefined, location: string): Tail {
  if (last === undefined) return NO_TAIL;
  const { key, value } = last;
  if (!isTailKey(key)) return { ...NO_TAIL, top: Buffer.from(key) };
  const mark = decodeMark(value);
  const carried = readCarried(value);
  if (mark === undefined || carried === 'damaged') {
    throw new EngineError(
      'corrupt',
      `Cannot open ${location}: the mark of its last commit is damaged; restore the data directory from a backup`,
    );
  }
  const place = Buffer.from(key);
  // The mark of an older version is above every key. There the tail stays.
  return { mark, place, top: hasSuffix(place) ? topOf(place) : place, carried };
}

function topOf(place: Bytes): Bytes {
  return place.subarray(0, place.length - SUFFIX.length);
}

function readCarried(value: Bytes): Entry | 'damaged' | undefined {
  if (value.length === MARK_BYTES) return undefined;
  const bytes = Buffer.from(value.subarray(MARK_BYTES));
  if (bytes.length < CARRIED_OVERHEAD_BYTES) return 'damaged';
  const end = bytes.length - 4;
  if (bytes.readUInt32BE(end) !== crc32(bytes.subarray(0, end))) return 'damaged';
  const keyEnd = 4 + bytes.readUInt32BE(0);
  return { key: bytes.subarray(4, keyEnd), value: bytes.subarray(keyEnd + 4, end) };
}
