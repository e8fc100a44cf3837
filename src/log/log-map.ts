import { assert } from '../base/index.ts';

/** One chunk as it is stored. */
export interface StoredChunk {
  readonly last: number;
  readonly bytes: number;
  readonly entries: number;
  readonly removals: number;
}

const ROW_BYTES = 64 * 1024;
const ROW_CHUNKS_MAX = 4096;
const ROWS_AT_FIRST = 64;
const THIN_ROWS_MIN = 1024;

/**
 * Where things are in the log, in little memory: one row for each run of about 64 KiB of it as it was written. A row is
 * a range of sequences, which never changes its meaning, with the sums of the chunks whose last sequence lies in it;
 * cleaning changes only the sums. Which revisions begin in which range of sequences never changes either.
 */
export class LogMap {
  #count = 0;
  /** First sequence of each row; it ends where the next one begins. */
  #starts = new Float64Array(ROWS_AT_FIRST);
  /** No revision below begins in the row. */
  #revisions = new Float64Array(ROWS_AT_FIRST);
  #rowChunks = new Uint32Array(ROWS_AT_FIRST);
  #rowBytes = new Float64Array(ROWS_AT_FIRST);
  #rowEntries = new Float64Array(ROWS_AT_FIRST);
  #rowRemovals = new Float64Array(ROWS_AT_FIRST);
  #emptyRows = 0;
  #lastSequence = 0;
  #lastRevision = 1;
  #chunks = 0;
  #bytes = 0;
  #entries = 0;
  #removals = 0;

  get rows(): number {
    return this.#count;
  }
  /** How many chunks are stored. */
  get chunks(): number {
    return this.#chunks;
  }
  /** What they take, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }
  get entries(): number {
    return this.#entries;
  }
  /** How many of the entries are deletes, revokes and disarms. */
  get removals(): number {
    return this.#removals;
  }
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Forgets everything: a replay from the start follows. */
  clear(): void {
    this.#count = this.#emptyRows = this.#lastSequence = 0;
    this.#chunks = this.#bytes = this.#entries = this.#removals = 0;
    this.#lastRevision = 1;
  }

  /** The next chunk of the log; `revision` is the last one that is in the log with it. */
  append(chunk: StoredChunk, revision: number): void {
    assert(chunk.last > this.#lastSequence, 'chunks are appended to the map in order');
    const row = this.#count - 1;
    if (row < 0 || this.#rowBytes[row]! >= ROW_BYTES || this.#rowChunks[row]! >= ROW_CHUNKS_MAX)
      this.#newRow(this.#lastSequence + 1, this.#lastRevision + 1);
    this.#lastSequence = chunk.last;
    this.#lastRevision = Math.max(this.#lastRevision, revision);
    this.add(chunk);
  }

  /** A chunk that cleaning has stored, in a range that is there. */
  add(chunk: StoredChunk): void {
    const row = this.rowOf(chunk.last);
    if (this.#rowChunks[row]! === 0) this.#emptyRows--;
    this.#rowChunks[row]! += 1;
    this.#rowBytes[row]! += chunk.bytes;
    this.#rowEntries[row]! += chunk.entries;
    this.#rowRemovals[row]! += chunk.removals;
    this.#chunks += 1;
    this.#bytes += chunk.bytes;
    this.#entries += chunk.entries;
    this.#removals += chunk.removals;
  }

  /**
   * A chunk that cleaning has replaced. Sums stay above zero even where another leader has cleaned since the map was
   * filled: they decide only what is worth reading.
   */
  remove(chunk: StoredChunk): void {
    const row = this.rowOf(chunk.last);
    const chunks = Math.min(1, this.#rowChunks[row]!);
    const bytes = Math.min(chunk.bytes, this.#rowBytes[row]!);
    const entries = Math.min(chunk.entries, this.#rowEntries[row]!);
    const removals = Math.min(chunk.removals, this.#rowRemovals[row]!);
    this.#rowChunks[row]! -= chunks;
    this.#rowBytes[row]! -= bytes;
    this.#rowEntries[row]! -= entries;
    this.#rowRemovals[row]! -= removals;
    if (chunks === 1 && this.#rowChunks[row]! === 0) this.#emptyRows++;
    this.#chunks -= chunks;
    this.#bytes -= bytes;
    this.#entries -= entries;
    this.#removals -= removals;
  }

  /** The row that `sequence` lies in. */
  rowOf(sequence: number): number {
    return Math.max(0, lastAtMost(this.#starts, this.#count, sequence));
  }

  /** The row in which `revision` begins, if it is in the log. */
  rowOfRevision(revision: number): number {
    return Math.max(0, lastAtMost(this.#revisions, this.#count, revision));
  }

  start(row: number): number {
    return this.#starts[row]!;
  }
  /** The last sequence of the row's range. */
  end(row: number): number {
    return row + 1 < this.#count ? this.#starts[row + 1]! - 1 : this.#lastSequence;
  }
  firstRevision(row: number): number {
    return this.#revisions[row]!;
  }
  chunksIn(row: number): number {
    return this.#rowChunks[row]!;
  }
  bytesIn(row: number): number {
    return this.#rowBytes[row]!;
  }
  entriesIn(row: number): number {
    return this.#rowEntries[row]!;
  }

  /** Deletes, revokes and disarms in the rows that only revisions up to `revision` begin in. */
  removalsUpTo(revision: number): number {
    let sum = 0;
    for (let row = 0; row < this.#count && this.#endRevision(row) <= revision; row++)
      sum += this.#rowRemovals[row]!;
    return sum;
  }

  /** Drops rows without chunks, when they are many. Row numbers change. */
  thin(): void {
    if (this.#count < THIN_ROWS_MIN || this.#emptyRows * 2 < this.#count) return;
    let kept = 0;
    for (let row = 0; row < this.#count; row++) {
      // The first row stays, because ranges begin at 1, and the last, because it is being filled.
      if (this.#rowChunks[row]! === 0 && row > 0 && row < this.#count - 1) continue;
      for (const column of this.#columns()) column[kept] = column[row]!;
      kept++;
    }
    this.#emptyRows = this.#rowChunks[0]! === 0 ? 1 : 0;
    this.#count = kept;
  }

  #endRevision(row: number): number {
    return row + 1 < this.#count ? this.#revisions[row + 1]! - 1 : this.#lastRevision;
  }

  #newRow(start: number, revision: number): void {
    if (this.#count === this.#starts.length) this.#grow();
    const row = this.#count++;
    this.#emptyRows++;
    this.#starts[row] = start;
    this.#revisions[row] = revision;
    this.#rowChunks[row] = this.#rowBytes[row] = this.#rowEntries[row] = this.#rowRemovals[row] = 0;
  }

  #columns(): (Float64Array | Uint32Array)[] {
    const sums = [this.#rowChunks, this.#rowBytes, this.#rowEntries, this.#rowRemovals];
    return [this.#starts, this.#revisions, ...sums];
  }

  #grow(): void {
    const grown = (column: Float64Array) => {
      const wider = new Float64Array(column.length * 2);
      wider.set(column);
      return wider;
    };
    this.#starts = grown(this.#starts);
    this.#revisions = grown(this.#revisions);
    const chunks = new Uint32Array(this.#rowChunks.length * 2);
    chunks.set(this.#rowChunks);
    this.#rowChunks = chunks;
    this.#rowBytes = grown(this.#rowBytes);
    this.#rowEntries = grown(this.#rowEntries);
    this.#rowRemovals = grown(this.#rowRemovals);
  }
}

/** The last position of a rising column that holds `value` or less; -1 if there is none. */
function lastAtMost(column: Float64Array, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
