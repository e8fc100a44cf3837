/** Slots at the start, a power of two. Connections with few requests at a time never need more. */
const SLOTS_INITIAL = 64;
/** Beyond that many the map alone is as good. */
const SLOTS_MAX = 16_384;

/**
 * The open streams of a connection. Clients count ids up by two, so that a stream is nearly always found in the slot of
 * its number; those whose slot is taken, by a stream that lives long, are in a map.
 */
export class StreamTable<S extends { readonly id: number }> {
  #slots = new Array<S | undefined>(SLOTS_INITIAL).fill(undefined);
  readonly #others = new Map<number, S>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): S | undefined {
    const slots = this.#slots;
    const stream = slots[(id >>> 1) & (slots.length - 1)];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** Adds a stream whose id is not in the table. */
  add(stream: S): void {
    this.#size++;
    const slot = (stream.id >>> 1) & (this.#slots.length - 1);
    if (this.#slots[slot] === undefined) {
      this.#slots[slot] = stream;
      return;
    }
    this.#others.set(stream.id, stream);
    if (this.#others.size > this.#slots.length / 2 && this.#slots.length < SLOTS_MAX) this.#grow();
  }

  delete(id: number): void {
    const slot = (id >>> 1) & (this.#slots.length - 1);
    const stream = this.#slots[slot];
    if (stream !== undefined && stream.id === id) {
      this.#slots[slot] = undefined;
      this.#size--;
    } else if (this.#others.delete(id)) this.#size--;
  }

  /** All streams, in no order; a copy, so that they may be deleted meanwhile. */
  all(): S[] {
    const all = [...this.#others.values()];
    for (const stream of this.#slots) if (stream !== undefined) all.push(stream);
    return all;
  }

  /** Doubles the slots until most streams have their own. */
  #grow(): void {
    const streams = this.all();
    this.#slots = new Array<S | undefined>(this.#slots.length * 2).fill(undefined);
    this.#others.clear();
    for (const stream of streams) {
      const slot = (stream.id >>> 1) & (this.#slots.length - 1);
      if (this.#slots[slot] === undefined) this.#slots[slot] = stream;
      else this.#others.set(stream.id, stream);
    }
  }
}
