import type { Bytes } from '../base/index.ts';

/** A range with longer bounds is not remembered. */
const NAME_BYTES_MAX = 4096;

/**
 * Remembers what the count of the next page of a pinned list will be: the count of this page less the keys returned.
 * Without it each page would be counted by walking all that follows it.
 */
export class CountMemory {
  readonly #counts = new Map<string, number>();
  readonly #countsMax: number;

  constructor(countsMax: number) {
    this.#countsMax = countsMax;
  }

  get(revision: number, from: Bytes, to: Bytes | undefined): number | undefined {
    return this.#counts.size === 0 ? undefined : this.#counts.get(name(revision, from, to));
  }

  /** The oldest one goes when there are too many. */
  set(revision: number, from: Bytes, to: Bytes | undefined, count: number): void {
    if (from.length + (to?.length ?? 0) > NAME_BYTES_MAX) return;
    const key = name(revision, from, to);
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size <= this.#countsMax) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      break;
    }
  }
}

function name(revision: number, from: Bytes, to: Bytes | undefined): string {
  return `${revision}/${from.length}/${latin1(from)}${to === undefined ? '' : `/${latin1(to)}`}`;
}

function latin1(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
