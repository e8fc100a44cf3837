import type { Bytes } from '../base/index.ts';

const SLOT_DIGITS = 14;

/**
 * Where the log lies in the engine: `engram/NAME/log/SEQUENCE` for each chunk, in 14 hexadecimal digits, so that the
 * engine's order is the log's, and `engram/NAME/log/head` right behind the newest one.
 */
export class LogKeys {
  readonly head: Bytes;
  readonly #prefix: string;

  constructor(keyspace: string) {
    this.#prefix = `engram/${keyspace}/log/`;
    this.head = Buffer.from(`${this.#prefix}head`);
  }

  /** The key of the chunk whose last covered sequence this is. */
  slot(sequence: number): Bytes {
    return Buffer.from(this.#prefix + sequence.toString(16).padStart(SLOT_DIGITS, '0'));
  }

  /** All slots from `sequence` on; the head, which is behind them, is not among them. */
  slotsFrom(sequence: number): { gte: Bytes; lt: Bytes } {
    return { gte: this.slot(sequence), lt: this.head };
  }
}

/** The sequence of a slot's key. */
export function sequenceOfSlot(key: Bytes): number {
  let sequence = 0;
  for (let i = key.length - SLOT_DIGITS; i < key.length; i++) {
    const digit = key[i]!;
    sequence = sequence * 16 + (digit <= 0x39 ? digit - 0x30 : digit - 0x57);
  }
  return sequence;
}
