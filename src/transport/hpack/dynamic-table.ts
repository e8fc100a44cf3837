/** What an entry is counted as beside its octets (RFC 7541, section 4.1). */
export const ENTRY_OVERHEAD_BYTES = 32;

/**
 * The fields that one peer has added on one connection (RFC 7541, sections 2.3.2 and 4): a ring in which the newest
 * entry has number 0, bounded in bytes, the oldest evicted first.
 */
export class DynamicTable {
  /** Grows by one with every change, so that what was derived from the table can be known to be stale. */
  changes = 0;
  readonly #names: string[];
  readonly #values: string[];
  readonly #mask: number;
  /** The slot that the next entry takes. */
  #next = 0;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;

  /** `bytesMax` is the most that the table may ever be set to hold. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    // No entry is smaller than its overhead, which bounds their number.
    const entriesMax = Math.max(1, Math.floor(bytesMax / ENTRY_OVERHEAD_BYTES));
    const slots = 2 ** Math.ceil(Math.log2(entriesMax));
    this.#mask = slots - 1;
    this.#names = new Array<string>(slots).fill('');
    this.#values = new Array<string>(slots).fill('');
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The name of an entry; `number` is below `count`. */
  name(number: number): string {
    return this.#names[(this.#next - 1 - number) & this.#mask]!;
  }

  value(number: number): string {
    return this.#values[(this.#next - 1 - number) & this.#mask]!;
  }

  /** Adds a field as number 0. One that is larger than the table empties it, which is no error. */
  add(name: string, value: string): void {
    this.changes++;
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    this.evictTo(this.#bytesMax - bytes);
    if (bytes > this.#bytesMax) return;
    this.#names[this.#next] = name;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) & this.#mask;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Sets how many bytes the table may hold from now on: at most those of the constructor. */
  resize(bytesMax: number): void {
    this.changes++;
    this.#bytesMax = bytesMax;
    this.evictTo(bytesMax);
  }

  private evictTo(bytesMax: number): void {
    while (this.#count > 0 && this.#bytes > bytesMax) {
      const slot = (this.#next - this.#count) & this.#mask;
      this.#bytes -= this.#names[slot]!.length + this.#values[slot]!.length + ENTRY_OVERHEAD_BYTES;
      this.#names[slot] = '';
      this.#values[slot] = '';
      this.#count--;
    }
  }
}
