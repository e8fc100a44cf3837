import { encodeRequest } from '../../../test/etcd/protocol.ts';
import type { Message } from '../../../test/etcd/protocol.ts';

/** Where a message holds these, the number of a key is written for each request. */
export const KEY_DIGITS = '########';
const DIGITS = KEY_DIGITS.length;
const DIGIT_ZERO = 48;
const POOL_BYTES = 2 ** 20;

/** A request that is encoded once: only the digits of its key, and its value, change from call to call. */
export class Template {
  readonly bytes: Buffer;
  /** Where the value is; -1 without one. */
  readonly valueAt: number;
  readonly #keys: readonly number[];
  readonly #valueBytes: number;

  /** `value` is the one that the message holds: it must occur in it once. */
  constructor(path: string, message: Message, value?: Buffer) {
    this.bytes = encodeRequest(path, message);
    this.#keys = positions(this.bytes, KEY_DIGITS);
    this.valueAt = value === undefined ? -1 : this.bytes.indexOf(value);
    this.#valueBytes = value?.length ?? 0;
  }

  /** Writes the request of key number `key`, with a value that is not like the one before. Returns as `fillValue` does. */
  write(target: Buffer, at: number, key: number): number {
    this.bytes.copy(target, at);
    for (const position of this.#keys) writeDigits(target, at + position, key);
    return this.valueAt < 0 ? 0 : fillValue(target, at + this.valueAt, this.#valueBytes);
  }
}

function positions(bytes: Buffer, text: string): number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length)) found.push(at);
  return found;
}

function writeDigits(target: Buffer, at: number, value: number): void {
  let rest = value;
  for (let digit = DIGITS - 1; digit >= 0; digit--) {
    const next = Math.floor(rest / 10);
    target[at + digit] = DIGIT_ZERO + rest - next * 10;
    rest = next;
  }
}

/** What values are cut from: it does not compress to less than three quarters, as little as real objects do twice. */
const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let poolState = 1;
for (let at = 0; at < POOL_BYTES; at++) {
  poolState = (Math.imul(poolState, 1_664_525) + 1_013_904_223) >>> 0;
  pool[at] = 48 + (poolState >>> 26);
}
let poolAt = 0;

/** Fills in a value of text that hardly repeats: each starts at another place of the pool, which is returned. */
export function fillValue(target: Buffer, at: number, length: number): number {
  if (length > POOL_BYTES) throw new RangeError(`A value of ${length} bytes is above the pool's size`);
  poolAt = (poolAt + 7919) % (POOL_BYTES - length);
  pool.copy(target, at, poolAt, poolAt + length);
  return poolAt;
}

/** Whether these bytes are those of the pool from `place` on. */
export function isOfPool(bytes: Buffer, place: number): boolean {
  return pool.compare(bytes, 0, bytes.length, place, place + bytes.length) === 0;
}

/** A value to build a template with. */
export function markedValue(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'v');
}
