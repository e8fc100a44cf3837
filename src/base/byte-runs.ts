/**
 * A growable list of runs of bytes, each inside some larger buffer: what a list of keys is answered with. It holds
 * pointers, not copies, and keeps the buffers alive that it points into.
 */
export class ByteRuns {
  readonly #buffers: Uint8Array[] = [];
  #offsets = new Uint32Array(8);
  #lengths = new Uint32Array(8);
  #count = 0;
  #totalBytes = 0;

  /** How many runs there are. */
  get count(): number {
    return this.#count;
  }

  /** The lengths of all runs together. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  push(buffer: Uint8Array, offset: number, length: number): void {
    const at = this.#count++;
    if (at === this.#offsets.length) this.#grow();
    this.#buffers.push(buffer);
    this.#offsets[at] = offset;
    this.#lengths[at] = length;
    this.#totalBytes += length;
  }

  /** Forgets the runs from `count` on. */
  truncate(count: number): void {
    while (this.#count > count) {
      this.#totalBytes -= this.#lengths[--this.#count]!;
      this.#buffers.pop();
    }
  }

  /** The buffer that run `at` lies in. */
  buffer(at: number): Uint8Array {
    return this.#buffers[at]!;
  }

  offset(at: number): number {
    return this.#offsets[at]!;
  }

  length(at: number): number {
    return this.#lengths[at]!;
  }

  /** Run `at` as a view. */
  run(at: number): Uint8Array {
    const offset = this.#offsets[at]!;
    return this.#buffers[at]!.subarray(offset, offset + this.#lengths[at]!);
  }

  #grow(): void {
    const offsets = new Uint32Array(this.#offsets.length * 2);
    const lengths = new Uint32Array(offsets.length);
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    this.#offsets = offsets;
    this.#lengths = lengths;
  }
}
