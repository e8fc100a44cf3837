import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../index.ts';
import { maskedCrc32c } from './crc32c.ts';
import { decodeMark, MARK_BYTES, MARK_KEY } from './mark.ts';
import type { Mark } from './mark.ts';

/**
 * Reads LevelDB's write-ahead logs before LevelDB does. LevelDB skips what is damaged in them without a word, and then
 * deletes them; so damage has to be found first, while the files are still as they were.
 *
 * Format (deps/leveldb/doc/log_format.txt): blocks of 32 KiB; a record is `masked crc32c u32, length u16, type u8,
 * data`, never across a block; a block's last 6 bytes or fewer are zeros. Types: whole 1, first 2, middle 3, last 4.
 * A batch is `sequence u64, count u32` and its writes, the first of which is the mark of the commit (mark.ts).
 */
const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const WHOLE = 1;
const FIRST = 2;
const LAST = 4;
/** `sequence, count, tag (1: put), key length, key, value length`: all are one byte where they are lengths. */
const MARK_OFFSET = 12 + 1 + 1 + MARK_KEY.length + 1;
const BATCH_HEAD_BYTES = MARK_OFFSET + MARK_BYTES;

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
    if (begins) this.#open = Buffer.from(data.subarray(0, BATCH_HEAD_BYTES));
    else if (this.#open !== undefined && this.#open.length < BATCH_HEAD_BYTES) {
      this.#open = Buffer.concat([this.#open, data.subarray(0, BATCH_HEAD_BYTES - this.#open.length)]);
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

function markIn(batch: Buffer): Mark | undefined {
  const keyOffset = MARK_OFFSET - 1 - MARK_KEY.length;
  const isMark =
    batch.length === BATCH_HEAD_BYTES &&
    batch[12] === 1 &&
    batch[13] === MARK_KEY.length &&
    batch.subarray(keyOffset, keyOffset + MARK_KEY.length).equals(MARK_KEY) &&
    batch[MARK_OFFSET - 1] === MARK_BYTES;
  return isMark ? decodeMark(batch.subarray(MARK_OFFSET)) : undefined;
}
