import type { VersionId } from './constants.ts';
import type { Versions } from './versions.ts';

const BLOCK_SHIFT = 14;
const BLOCK_SIZE = 1 << BLOCK_SHIFT;
const BLOCK_MASK = BLOCK_SIZE - 1;

/** Versions in the order of their revisions: a queue in blocks. Positions are absolute: they never shift. */
export class History {
  readonly #versions: Versions;
  readonly #blocks: Uint32Array[] = [];
  /** Number of the first block: position >>> BLOCK_SHIFT. Positions pass 2^32, so blocks are found by division. */
  #firstBlock = 0;
  #start = 0;
  #end = 0;

  constructor(versions: Versions) {
    this.#versions = versions;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get memoryBytes(): number {
    return this.#blocks.length * BLOCK_SIZE * 4;
  }

  at(position: number): VersionId {
    const block = Math.floor(position / BLOCK_SIZE) - this.#firstBlock;
    return this.#blocks[block]![position & BLOCK_MASK]!;
  }

  push(v: VersionId): void {
    const block = Math.floor(this.#end / BLOCK_SIZE) - this.#firstBlock;
    if (block === this.#blocks.length) this.#blocks.push(new Uint32Array(BLOCK_SIZE));
    this.#blocks[block]![this.#end & BLOCK_MASK] = v;
    this.#end++;
  }

  /** Takes the newest away. */
  pop(): void {
    this.#end--;
    const blocks = Math.ceil(this.#end / BLOCK_SIZE) - this.#firstBlock;
    if (this.#blocks.length > blocks + 1) this.#blocks.pop();
  }

  /** Takes the oldest away. */
  shift(): void {
    this.#start++;
    if ((this.#start & BLOCK_MASK) !== 0) return;
    this.#blocks.shift();
    this.#firstBlock++;
  }

  /** Position of the first version with this or a higher revision; `end` when there is none. */
  seek(revision: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#versions.revision(this.at(middle)) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
