import { closeBody, isSlices, isSource } from './body.ts';
import type { Body } from './handler.ts';
import type { Output } from './output.ts';

/** Slices of at least that many bytes are sent as they are; smaller ones are copied, which is cheaper. */
const REFERENCED_BYTES_MIN = 8 * 1024;
/** Entries that have been sent are dropped from the list when there are so many, and more than are left. */
const SENT_ENTRIES_MAX = 64;
/** What a waiting entry is counted as besides its bytes. */
const ENTRY_BYTES = 128;

/** Bytes that wait in a stream, as references: memory is that of the pointers. */
export class OutQueue {
  readonly #entries: Body[] = [];
  /** The entry, the slice in it and the byte in that with which it goes on. */
  #entry = 0;
  #slice = 0;
  #offset = 0;
  #sources = 0;
  /** Bytes that wait. */
  bytes = 0;

  /** What the queue is worth against a limit: many tiny writes are counted as more than their bytes. */
  get weightBytes(): number {
    return this.bytes + (this.#entries.length - this.#entry) * ENTRY_BYTES;
  }

  /** A source in it keeps too much in memory to wait any longer. */
  get isOverdue(): boolean {
    if (this.#sources === 0) return false;
    for (let at = this.#entry; at < this.#entries.length; at++) {
      const entry = this.#entries[at]!;
      if (isSource(entry) && entry.isOverdue) return true;
    }
    return false;
  }

  add(body: Body, bytes: number): void {
    if (bytes === 0) {
      closeBody(body);
      return;
    }
    this.#entries.push(body);
    this.bytes += bytes;
    if (isSource(body)) this.#sources++;
  }

  /** Puts the next `length` bytes, which wait, into the output. */
  moveTo(output: Output, length: number): void {
    let left = length;
    while (left > 0) left -= this.#moveSome(output, left);
    this.bytes -= length;
    if (this.#entry === this.#entries.length) this.clear();
  }

  /** What waits is dropped. */
  clear(): void {
    for (let at = this.#entry; this.#sources > 0 && at < this.#entries.length; at++)
      this.#close(this.#entries[at]!);
    this.#entries.length = 0;
    this.#entry = 0;
    this.#slice = 0;
    this.#offset = 0;
    this.bytes = 0;
  }

  #moveSome(output: Output, bytesMax: number): number {
    const entry = this.#entries[this.#entry]!;
    const part = isSlices(entry) ? entry[this.#slice]! : entry;
    const offset = this.#offset;
    const bytes = Math.min(bytesMax, part.length - offset);
    if (isSource(part)) {
      const at = output.reserve(bytes);
      part.read(output.block, at, at + bytes);
    } else if (bytes > 0) moveSlice(output, part, offset, bytes);
    this.#offset += bytes;
    if (this.#offset === part.length) this.#endPart(entry);
    return bytes;
  }

  #endPart(entry: Body): void {
    this.#offset = 0;
    if (isSlices(entry) && ++this.#slice < entry.length) return;
    this.#close(entry);
    this.#slice = 0;
    this.#entry++;
    if (this.#entry >= SENT_ENTRIES_MAX && this.#entry * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#entry);
      this.#entry = 0;
    }
  }

  #close(entry: Body): void {
    if (!isSource(entry)) return;
    this.#sources--;
    entry.close();
  }
}

function moveSlice(output: Output, slice: Uint8Array, offset: number, bytes: number): void {
  const part = bytes === slice.length ? slice : slice.subarray(offset, offset + bytes);
  if (bytes >= REFERENCED_BYTES_MIN) output.reference(part);
  else {
    const at = output.reserve(bytes);
    output.block.set(part, at);
  }
}
