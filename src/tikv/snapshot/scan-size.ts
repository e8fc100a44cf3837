/** Entries of the first request, when nothing is known of their size. */
const FIRST_ENTRIES = 64;
const GROWTH_MAX = 4;

/** How many entries to ask for so that an answer has about so many bytes: stores count entries only. */
export class ScanSize {
  readonly #bytesAim: number;
  readonly #entriesMax: number;
  #entries: number;

  constructor(bytesAim: number, entriesMax: number) {
    this.#bytesAim = bytesAim;
    this.#entriesMax = entriesMax;
    this.#entries = Math.min(FIRST_ENTRIES, entriesMax);
  }

  /** For the next request. */
  get entries(): number {
    return this.#entries;
  }

  /** Takes notice of an answer. */
  seen(entries: number, bytes: number): void {
    if (entries === 0) return;
    const fitting = Math.floor(this.#bytesAim / Math.max(1, bytes / entries));
    this.#entries = Math.max(1, Math.min(fitting, this.#entries * GROWTH_MAX, this.#entriesMax));
  }
}
