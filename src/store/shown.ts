/**
 * What of the applied state may be shown: what a leader that holds its lease has announced. What a start or a take-over
 * has found in the log, and nobody has announced, is hidden: it may not have been acknowledged when others last read.
 */
export class Shown {
  #announced = 0;
  /** Nothing is shown before it is announced up to here. */
  #hiddenTo: number;
  #revision: number;

  /** What is applied by now is hidden. */
  constructor(applied: { readonly sequence: number; readonly revision: number }) {
    this.#hiddenTo = applied.sequence;
    this.#revision = applied.revision;
  }

  /** The last that may be shown. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether all that is applied may be shown. */
  get isAll(): boolean {
    return this.#announced > 0 && this.#announced >= this.#hiddenTo;
  }

  /** Everything up to `sequence` is committed. Returns whether that ends the hiding of what is applied. */
  announce(sequence: number): boolean {
    const isHidden = this.#announced < this.#hiddenTo;
    this.#announced = Math.max(this.#announced, sequence);
    return isHidden && this.#announced >= this.#hiddenTo;
  }

  /** Everything up to `sequence` is applied. Returns whether it may be shown. */
  applied(sequence: number): boolean {
    if (sequence <= this.#announced) return true;
    this.#hiddenTo = sequence;
    return false;
  }

  show(revision: number): void {
    this.#revision = revision;
  }

  /** This node leads no more: what it has applied was committed, and nothing above is announced. */
  deposed(sequence: number): void {
    this.#announced = sequence;
  }
}
