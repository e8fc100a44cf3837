import { compareBytes, prefixEnd } from '../base/index.ts';
import { TikvError } from './errors.ts';
import { verifyBytes } from './verify-bytes.ts';

/** A key as TiKV takes it, the prefix included (`storage.max-key-size`). */
export const STORED_KEY_BYTES_MAX = 8 * 1024;

/** A stored range; an empty `end` is the end of all keys. */
export interface StoredRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** The keys below one prefix, seen without it: several users share one TiKV and none sees another. */
export class Keyspace {
  readonly #prefix: Buffer;
  /** The first key behind the keyspace; empty if there is none. */
  readonly #end: Buffer;

  constructor(prefix: Uint8Array = Buffer.alloc(0)) {
    verifyBytes('The key prefix', prefix);
    this.#prefix = Buffer.from(prefix);
    this.#end = Buffer.from(prefixEnd(prefix) ?? []);
  }

  /** @returns a new buffer with the prefix. @throws TikvError `invalid` if the key is empty, too long, or no bytes. */
  toStore(key: Uint8Array): Buffer {
    verifyBytes('A key', key);
    const length = this.#prefix.length + key.length;
    if (key.length === 0) throw new TikvError('invalid', 'A key is empty');
    if (length > STORED_KEY_BYTES_MAX) {
      throw new TikvError(
        'invalid',
        `A key of ${length} bytes with its prefix; the limit is ${STORED_KEY_BYTES_MAX}`,
      );
    }
    return this.#join(key, length);
  }

  /** @returns a view of `stored`. */
  fromStore(stored: Buffer): Buffer {
    if (!this.holds(stored)) throw new TikvError('protocol', 'A key outside of the keyspace was answered');
    return stored.subarray(this.#prefix.length);
  }

  holds(stored: Buffer): boolean {
    const length = this.#prefix.length;
    return stored.length >= length && compareBytes(stored.subarray(0, length), this.#prefix) === 0;
  }

  /** The stored range of the keys from `gte` on that sort below `lt`; an absent or empty `lt` is no bound. */
  range(gte: Uint8Array, lt: Uint8Array | undefined): StoredRange {
    verifyBytes('A bound', gte);
    if (lt !== undefined) verifyBytes('A bound', lt);
    const start = this.#join(gte, this.#prefix.length + gte.length);
    const end =
      lt === undefined || lt.length === 0 ? this.#end : this.#join(lt, this.#prefix.length + lt.length);
    return { start, end };
  }

  #join(key: Uint8Array, length: number): Buffer {
    const stored = Buffer.allocUnsafe(length);
    stored.set(this.#prefix, 0);
    stored.set(key, this.#prefix.length);
    return stored;
  }
}
