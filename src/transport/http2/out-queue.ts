import type { Body } from './handler.ts';

/** Entries that have been sent are dropped from the list when there are so many, and more than are left. */
const SENT_ENTRIES_MAX = 64;
/** What a waiting entry is counted as besides its bytes. */
const ENTRY_BYTES = 128;

/** Bytes that wait in a stream, as references: memory is that of the pointers. */
export class OutQueue {
  readonly #entries: Body[] = [];
  /** The entry, the slice in it and the byte in that slice with which it goes on. */
  #entry = 0;
  #slice = 0;
  #offset = 0;
  /** Bytes that wait. */
  bytes = 0;

  /** What the queue is worth against a limit: many tiny writes are counted as more than their bytes. */
  get weightBytes(): number {
    return this.bytes + (this.#entries.length - this.#entry) * ENTRY_BYTES;
  }

  add(body: Body, bytes: number): void {
    if (bytes === 0) return;
    this.#entries.push(body);
    this.bytes += bytes;
  }

  /** The slice that is next, from `offset` on; there is one while `bytes` is not zero. */
  get slice(): Uint8Array {
    const entry = this.#entries[this.#entry]!;
    return isSlices(entry) ? entry[this.#slice]! : entry;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Goes on by `bytes`, at most to the end of the slice. */
  advance(bytes: number): void {
    this.bytes -= bytes;
    this.#offset += bytes;
    if (this.#offset < this.slice.length) return;
    this.#offset = 0;
    const entry = this.#entries[this.#entry]!;
    if (isSlices(entry) && ++this.#slice < entry.length) return;
    this.#slice = 0;
    this.#entry++;
    if (this.#entry === this.#entries.length) this.clear();
    else if (this.#entry >= SENT_ENTRIES_MAX && this.#entry * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#entry);
      this.#entry = 0;
    }
  }

  clear(): void {
    this.#entries.length = 0;
    this.#entry = 0;
    this.#slice = 0;
    this.#offset = 0;
    this.bytes = 0;
  }
}

/** The cheapest way to tell: instanceof walks the prototypes. */
export function isSlices(body: Body): body is readonly Uint8Array[] {
  return Array.isArray(body);
}

export function bodyBytes(body: Body): number {
  if (!isSlices(body)) return body.length;
  let bytes = 0;
  for (let at = 0; at < body.length; at++) bytes += body[at]!.length;
  return bytes;
}
