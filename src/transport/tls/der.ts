/** One element of DER (X.690): its tag, and where its content is. */
export interface DerElement {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

export const derTag = { integer: 0x02, sequence: 0x30, utcTime: 0x17, generalizedTime: 0x18 } as const;

/** Walks over elements of DER. Throws RangeError for anything that is not well formed. */
export class DerReader {
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** A reader of what is inside an element. */
  inside(element: DerElement): DerReader {
    return new DerReader(this.bytes, element.start, element.end);
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The tag of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.atEnd ? undefined : this.bytes[this.#at];
  }

  /** The next element, which must have the tag if one is given. */
  read(tag?: number): DerElement {
    const found = this.#byte();
    if (tag !== undefined && found !== tag) throw new RangeError(`tag ${found} in place of ${tag}`);
    const length = this.#length();
    const start = this.#at;
    if (length > this.#end - start) throw new RangeError('an element is longer than what holds it');
    this.#at = start + length;
    return { tag: found, start, end: this.#at };
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    // Four bytes tell 4 GiB: no file read here is as long.
    if (count === 0 || count > 4) throw new RangeError(`a length of ${count} bytes`);
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    return length;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new RangeError('it ends too early');
    return this.bytes[this.#at++]!;
  }
}
