import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../index.ts';
import { maskedCrc32c } from './crc32c.ts';
import { decodeMark, MARK_BYTES } from './mark.ts';
import type { Mark } from './mark.ts';
import { isTailKey } from './tail.ts';

/**
 * Reads LevelDB's write-ahead logs before LevelDB does. LevelDB skips what is damaged in them without a word, and then
 * deletes them; so damage has to be found first, while the files are still as they were.
 *
 * Format (deps/leveldb/doc/log_format.txt): blocks of 32 KiB; a record is `masked crc32c u32, length u16, type u8,
 * data`, never across a block; a block's last 6 bytes or fewer are zeros. Types: whole 1, first 2, middle 3, last 4.
 * A batch is `sequence u64, count u32` and its writes, each `tag (1: put) u8, key length, key, value length, value`, the
 * lengths as varints. The first of them is the tail (tail.ts), which begins with the mark of the commit.
 */
const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const WHOLE = 1;
const FIRST = 2;
const LAST = 4;
/** Sequence and count. */
const BATCH_OVERHEAD_BYTES = 12;
const PUT = 1;
/** Of a length below 4 GiB. */
const VARINT_BYTES_MAX = 5;

export interface LogEnd {
  /** The mark of the last whole commit in the logs; undefined when they hold none. */
  readonly mark: Mark | undefined;
  /** Where what can be read of the newest log ends, for messages: "file x at byte n". */
  readonly position: string;
}

/** @throws EngineError `corrupt` when something damaged has something whole behind it, in the same log or a later one. */
export async function checkLogs(directory: string): Promise<LogEnd> {
  const names = (await readdir(directory)).filter((name) => /^\d+\.log$/.test(name));
  names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  let mark: Mark | undefined;
  let position = `${directory}, which has no log`;
  let damage: string | undefined;
  for (const name of names) {
    const path = join(directory, name);
    const log = await readLog(path);
    if (log.commits > 0) {
      if (damage !== undefined) throw damaged(damage);
      mark = log.mark;
    }
    if (log.damagedInside !== undefined) throw damaged(`file ${path} at byte ${log.damagedInside}`);
    position = `file ${path} at byte ${log.end}`;
    if (log.end < log.size) damage ??= position;
  }
  return { mark, position };
}

function damaged(position: string): EngineError {
  return new EngineError(
    'corrupt',
    `Cannot open the store: ${position} is damaged, and whole commits follow. Nothing was changed: restore the data ` +
      `directory from a backup`,
  );
}

interface Log {
  readonly size: number;
  /** Where the last whole commit ends. */
  readonly end: number;
  readonly commits: number;
  readonly mark: Mark | undefined;
  /** Where the first damage is that has a whole commit behind it. */
  readonly damagedInside: number | undefined;
}

async function readLog(path: string): Promise<Log> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const reader = new LogReader();
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let offset = 0; offset < size; offset += BLOCK_BYTES) {
      const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, offset);
      reader.block(block.subarray(0, bytesRead), offset);
    }
    return { ...reader.result(), size };
  } finally {
    await file.close();
  }
}

/** Follows records from block to block, and remembers the first that is not as it should be. */
class LogReader {
  #end = 0;
  #commits = 0;
  #mark: Mark | undefined;
  #damage: number | undefined;
  #damagedInside: number | undefined;
  /** The head of the batch whose first record was seen and whose last was not. */
  #open: Buffer | undefined;

  block(block: Buffer, offset: number): void {
    let at = 0;
    while (block.length - at >= HEADER_BYTES) {
      const length = block.readUInt16LE(at + 4);
      const type = block[at + 6]!;
      const end = at + HEADER_BYTES + length;
      // Once a record is damaged, its length is not to be trusted either: the rest of the block is given up.
      if (type < WHOLE || type > LAST || end > block.length) return this.#broken(offset + at);
      if (block.readUInt32LE(at) !== maskedCrc32c(block, at + 6, end)) return this.#broken(offset + at);
      this.#record(type, block.subarray(at + HEADER_BYTES, end), { start: offset + at, end: offset + end });
      at = end;
    }
    if (at < block.length && block.subarray(at).some((byte) => byte !== 0)) this.#broken(offset + at);
  }

  result(): Omit<Log, 'size'> {
    return { end: this.#end, commits: this.#commits, mark: this.#mark, damagedInside: this.#damagedInside };
  }

  #broken(position: number): void {
    this.#damage ??= position;
    this.#open = undefined;
  }

  #record(type: number, data: Buffer, place: { start: number; end: number }): void {
    const begins = type === WHOLE || type === FIRST;
    if (begins !== (this.#open === undefined)) this.#broken(place.start);
    if (begins) this.#open = Buffer.from(data);
    else if (this.#open !== undefined && this.#open.length < headBytes(this.#open)) {
      this.#open = Buffer.concat([this.#open, data]);
    }
    if (type !== WHOLE && type !== LAST) return;
    const batch = this.#open;
    this.#open = undefined;
    // The end of a batch whose beginning is damaged, which has been noted.
    if (batch === undefined) return;
    this.#damagedInside ??= this.#damage;
    this.#commits++;
    this.#end = place.end;
    this.#mark = markIn(batch) ?? this.#mark;
  }
}

/** How many bytes of a batch hold its mark for certain, as far as its first bytes tell. */
function headBytes(batch: Buffer): number {
  const at = BATCH_OVERHEAD_BYTES + 1;
  return at + VARINT_BYTES_MAX + (varintAt(batch, at)?.value ?? 0) + VARINT_BYTES_MAX + MARK_BYTES;
}

function markIn(batch: Buffer): Mark | undefined {
  if (batch[BATCH_OVERHEAD_BYTES] !== PUT) return undefined;
  const keyLength = varintAt(batch, BATCH_OVERHEAD_BYTES + 1);
  if (keyLength === undefined) return undefined;
  const keyEnd = keyLength.end + keyLength.value;
  const valueLength = varintAt(batch, keyEnd);
  if (valueLength === undefined || valueLength.value < MARK_BYTES) return undefined;
  if (!isTailKey(batch.subarray(keyLength.end, keyEnd))) return undefined;
  return decodeMark(batch.subarray(valueLength.end));
}

/** Undefined when the bytes end before the number does, or it is none. */
function varintAt(
  bytes: Buffer,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = start; at < Math.min(bytes.length, start + VARINT_BYTES_MAX); at++) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}
