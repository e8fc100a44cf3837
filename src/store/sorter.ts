import { ByteRuns } from '../base/index.ts';
import { SortTarget, valueLength, valueOffset } from '../wire/index.ts';
import type { Cut } from './keys-only.ts';
import { pushCut } from './keys-only.ts';
import { mergeSort } from './merge-sort.ts';
import type { Budget, Steps } from './slices.ts';

/**
 * Sorts bodies by a number, or by their values (etcd-v3.md B.2, rules 4, 5 and 8). With a limit it keeps a heap of that
 * many. Equal ones stay in the order in which they were added, which etcd leaves open.
 */
export class Sorter {
  readonly #byValue: boolean;
  readonly #sign: number;
  readonly #limit: number;
  readonly #buffers: Uint8Array[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  /** What is compared: the number; for values, where the value begins. */
  readonly #keys: number[] = [];
  readonly #valueLengths: number[] = [];
  readonly #arrivals: number[] = [];
  /** With a limit: slots as a heap, the one that sorts last on top. */
  readonly #heap: number[] = [];
  #arrived = 0;
  #bytes = 0;

  /** `limit` 0: no limit. */
  constructor(target: number, descending: boolean, limit: number) {
    this.#byValue = target === SortTarget.value;
    this.#sign = descending ? -1 : 1;
    this.#limit = limit;
  }

  /** Bytes of the bodies held. */
  get bytes(): number {
    return this.#bytes;
  }

  add(key: number, buffer: Uint8Array, offset: number, length: number): void {
    const slot = this.#buffers.length;
    this.#put(slot, key, buffer, offset, length);
    if (this.#limit === 0) return;
    if (this.#heap.length < this.#limit) {
      this.#heap.push(slot);
      this.#rise(this.#heap.length - 1);
      return;
    }
    const last = this.#heap[0]!;
    if (this.#compare(slot, last) < 0) {
      this.#bytes -= this.#lengths[last]!;
      this.#move(slot, last);
      this.#sink(0);
    } else {
      this.#bytes -= length;
    }
    this.#dropLastSlot();
  }

  /** The bodies in order, each cut. */
  *sorted(budget: Budget, cut: Cut): Steps<ByteRuns> {
    const order = new Uint32Array(this.#limit === 0 ? this.#buffers.length : this.#heap.length);
    for (let i = 0; i < order.length; i++) order[i] = this.#limit === 0 ? i : this.#heap[i]!;
    const sorted = yield* mergeSort(order, (a, b) => this.#compare(a, b), budget);
    const runs = new ByteRuns();
    for (let i = 0; i < sorted.length; i++) {
      const slot = sorted[i]!;
      const buffer = this.#buffers[slot]!;
      const offset = this.#offsets[slot]!;
      pushCut(runs, cut, buffer, offset, this.#lengths[slot]!);
      if ((i & 511) === 511 && budget.spend(512)) yield undefined;
    }
    return runs;
  }

  #put(slot: number, key: number, buffer: Uint8Array, offset: number, length: number): void {
    this.#buffers[slot] = buffer;
    this.#offsets[slot] = offset;
    this.#lengths[slot] = length;
    this.#arrivals[slot] = this.#arrived++;
    this.#bytes += length;
    this.#keys[slot] = this.#byValue ? valueOffset(buffer, offset, length) : key;
    this.#valueLengths[slot] = this.#byValue ? valueLength(buffer, offset, length) : 0;
  }

  #move(from: number, to: number): void {
    this.#buffers[to] = this.#buffers[from]!;
    for (const column of [this.#offsets, this.#lengths, this.#keys, this.#valueLengths, this.#arrivals]) {
      column[to] = column[from]!;
    }
  }

  #dropLastSlot(): void {
    this.#buffers.pop();
    for (const column of [this.#offsets, this.#lengths, this.#keys, this.#valueLengths, this.#arrivals])
      column.pop();
  }

  #compare(a: number, b: number): number {
    const difference = this.#byValue ? this.#compareValues(a, b) : this.#keys[a]! - this.#keys[b]!;
    return difference === 0 ? this.#arrivals[a]! - this.#arrivals[b]! : difference * this.#sign;
  }

  #compareValues(a: number, b: number): number {
    const x = this.#buffers[a]!;
    const y = this.#buffers[b]!;
    const xAt = this.#keys[a]!;
    const yAt = this.#keys[b]!;
    const xLength = this.#valueLengths[a]!;
    const yLength = this.#valueLengths[b]!;
    const common = Math.min(xLength, yLength);
    for (let i = 0; i < common; i++) {
      const difference = x[xAt + i]! - y[yAt + i]!;
      if (difference !== 0) return difference;
    }
    return xLength - yLength;
  }

  #rise(at: number): void {
    const heap = this.#heap;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#compare(heap[at]!, heap[parent]!) <= 0) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(at: number): void {
    const heap = this.#heap;
    for (;;) {
      let last = at;
      const left = at * 2 + 1;
      if (left < heap.length && this.#compare(heap[left]!, heap[last]!) > 0) last = left;
      if (left + 1 < heap.length && this.#compare(heap[left + 1]!, heap[last]!) > 0) last = left + 1;
      if (last === at) return;
      this.#swap(at, last);
      at = last;
    }
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = kept;
  }
}
