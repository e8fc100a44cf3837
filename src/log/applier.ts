import type { Arena, Bytes } from '../base/index.ts';
import type { Chunk } from './chunk.ts';
import { readChunk } from './chunk.ts';
import { EntryColumns, isRemoval } from './entry.ts';
import { damaged, forgotten, LogError } from './errors.ts';
import { NO_FAULTS, planted } from './faults.ts';
import type { LogFaults } from './faults.ts';
import type { Head } from './head.ts';
import type { LogMap } from './log-map.ts';
import { EntryKind, readRecord } from './records.ts';
import type { LogTarget } from './target.ts';

/** What the log cannot go beyond, where that is known: its head. */
export type Bounds = Pick<Head, 'epoch' | 'sequence' | 'revision'>;

/** Chunks that a leader pushes come without a head. */
const NO_BOUNDS: Bounds = { epoch: Infinity, sequence: Infinity, revision: Infinity };

export interface ApplierOptions {
  /** The entries are copied into it, each chunk's as one run where it has room. */
  readonly arena: Arena;
  /** Gone on with. */
  readonly map: LogMap;
  readonly target: LogTarget;
  /** Everything up to this sequence has been applied and is in the map. @default 0 */
  readonly from?: number;
  /** The last revision that has been applied. @default 1 */
  readonly fromRevision?: number;
  /** The epoch of the last chunk that has been applied: what comes must follow it. @default not compared */
  readonly fromEpoch?: number;
  /** The highest chunk format that is read. @default 1 */
  readonly knows?: number;
  /** @default none */
  readonly bounds?: Bounds;
  readonly faults?: LogFaults;
}

/** Applies chunk after chunk, and keeps what the next one is checked against. */
export class LogApplier {
  readonly #options: ApplierOptions;
  readonly #bounds: Bounds;
  readonly #from: number;
  readonly #faults: LogFaults;
  readonly #columns = new EntryColumns();
  #sequence: number;
  #revision: number;
  /** Sub-revision of the last entry that has one. */
  #sub = -1;
  #epoch = 0;
  #compacted = 0;
  #continues = false;
  /** Cleaning has taken entries of the chunk before: the next revision may be higher than the one after. */
  #hasGap = false;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? NO_BOUNDS;
    this.#faults = options.faults ?? NO_FAULTS;
    this.#from = options.from ?? 0;
    this.#sequence = this.#from;
    this.#revision = this.#from > 0 ? (options.fromRevision ?? 1) : 1;
    // What is left of a revision that was applied in part is applied again: twice is harmless.
    this.#hasGap = this.#from > 0;
  }

  /**
   * The chunk that is stored under `sequence`. Throws LogError before anything of it is applied: `log-damaged` or
   * `log-format` with the position, `log-swept` when it cannot be applied to a state that is older than a sweep,
   * `log-forgotten` when it does not go on from what has been applied.
   */
  take(sequence: number, value: Bytes): void {
    if (sequence > this.#bounds.sequence)
      throw damaged(`chunk ${sequence}`, `the head says that the log ends at ${this.#bounds.sequence}`);
    const chunk = readChunk(value, sequence, this.#options.knows);
    this.#checkHeader(chunk);
    this.#columns.parse(chunk);
    if (this.#sequence === this.#from && this.#from > 0) this.#checkEpoch(chunk);
    this.#checkRevisions(chunk);
    const { header } = chunk;
    const { target } = this.#options;
    // One may be cleaned of revoked leases before anything was compacted.
    if (header.cleanedSequence > 0 && !planted(this.#faults, 'cleaned-without-compaction')) {
      this.#compacted = Math.max(this.#compacted, header.cleanedRevision);
      target.cleanedAt(header.cleanedRevision, header.cleanedSequence);
    }
    const removals = this.#apply(chunk);
    this.#sequence = header.last;
    this.#epoch = header.epoch;
    this.#continues = header.continues;
    const stored = { last: header.last, bytes: value.length, entries: header.entryCount, removals };
    // A read that failed in the middle of a commit has left chunks there that are applied again.
    if (header.last > this.#options.map.lastSequence) this.#options.map.append(stored, this.#revision);
    if (!header.continues) target.applied(this.#sequence, this.#revision);
  }

  /** What has been taken so far. */
  get reached(): { readonly sequence: number; readonly revision: number } {
    return { sequence: this.#sequence, revision: this.#revision };
  }

  /** Everything up to the head has been taken: checks that nothing is missing. */
  finish(head: Head): void {
    const { sequence, revision, compacted, epoch } = head;
    const position = `its end, sequence ${this.#sequence}`;
    if (this.#sequence !== sequence) throw damaged(position, `the head says that it ends at ${sequence}`);
    if (this.#continues) throw damaged(position, 'the last chunk continues in one that is not there');
    if (this.#from > 0) return;
    if (this.#revision !== revision)
      throw damaged(position, `its last revision is ${this.#revision}, the head says ${revision}`);
    if (this.#epoch !== epoch)
      throw damaged(position, `its last epoch is ${this.#epoch}, the head says ${epoch}`);
    const isPlanted = planted(this.#faults, 'cleaned-without-compaction');
    if (this.#compacted !== compacted && !isPlanted)
      throw damaged(position, `it is compacted at ${this.#compacted}, the head says ${compacted}`);
  }

  #checkHeader({ header, position }: Chunk): void {
    const { first, epoch, swept } = header;
    if (this.#from > 0 && swept)
      throw new LogError(
        'log-swept',
        `Cannot apply ${position} to a state of sequence ${this.#from}: it has been swept (replay from the start)`,
      );
    const isFirst = this.#sequence === this.#from;
    if (isFirst && this.#from > 0 ? first > this.#sequence + 1 : first !== this.#sequence + 1)
      throw damaged(position, `it covers from ${first} on, what is before it ends at ${this.#sequence}`);
    if (epoch < this.#epoch) throw damaged(position, `it is of epoch ${epoch}, behind one of ${this.#epoch}`);
    if (epoch > this.#bounds.epoch) throw damaged(position, `it is of epoch ${epoch}, above the head's`);
  }

  /**
   * Epoch entries are never cleaned away: a chunk of another epoch than what has been applied has the entry that begins it,
   * behind that. Else its epoch begins in what was applied otherwise.
   */
  #checkEpoch({ header, bytes, position }: Chunk): void {
    const { fromEpoch = header.epoch } = this.#options;
    const { count, kinds, sequences, bodyOffsets, bodyLengths } = this.#columns;
    let isBegun = header.epoch === fromEpoch;
    for (let i = 0; i < count && !isBegun; i++) {
      if (kinds[i] !== EntryKind.epoch || sequences[i]! <= this.#from) continue;
      const at = bodyOffsets[i]!;
      const record = readRecord(EntryKind.epoch, bytes.subarray(at, at + bodyLengths[i]!), position);
      isBegun = record.kind === 'epoch' && record.epoch === header.epoch;
    }
    if (isBegun) return;
    throw forgotten(
      `${position} is of epoch ${header.epoch}, which begins in what was seen committed in epoch ${fromEpoch}`,
    );
  }

  /** Revisions are dense, but for what cleaning has taken, and (revision, sub) rises. */
  #checkRevisions({ header, position }: Chunk): void {
    const { count, revisions, subs, sequences } = this.#columns;
    const isCleaned = header.cleanedRevision > 0;
    for (let i = 0; i < count; i++) {
      const revision = revisions[i]!;
      if (revision === 0 || sequences[i]! <= this.#from) continue;
      const sub = subs[i]!;
      const isNext = revision === this.#revision + 1;
      const isSame = revision === this.#revision && sub > this.#sub;
      const isBehindGap = (isCleaned || this.#hasGap) && revision > this.#revision;
      if (!isNext && !isSame && !isBehindGap)
        throw damaged(position, `revision ${revision}.${sub} follows ${this.#revision}.${this.#sub}`);
      this.#revision = revision;
      this.#sub = sub;
      if (!isCleaned) this.#hasGap = false;
    }
    if (isCleaned) this.#hasGap = true;
    if (this.#revision > this.#bounds.revision)
      throw damaged(position, `revision ${this.#revision} is above the head's ${this.#bounds.revision}`);
  }

  /** Copies the entries into the arena, as many at a time as there is room for. Returns the number of removals. */
  #apply(chunk: Chunk): number {
    const { arena } = this.#options;
    const { count, starts, sequences } = this.#columns;
    let removals = 0;
    let i = 0;
    while (i < count) {
      const from = starts[i]!;
      const room = Math.max(arena.room(), starts[i + 1]! - from);
      let end = starts[count]! - from <= room ? count : i + 1;
      while (end < count && starts[end + 1]! - from <= room) end++;
      const place = arena.reserve(starts[end]! - from);
      chunk.bytes.copy(place.bytes, place.offset, from, starts[end]);
      const shift = place.offset - from;
      for (; i < end; i++) {
        if (isRemoval(this.#columns.kinds[i]!, chunk.bytes, this.#columns.bodyOffsets[i]!)) removals++;
        if (sequences[i]! > this.#from) this.#applyEntry(chunk, i, place.segment, shift);
      }
    }
    return removals;
  }

  #applyEntry(chunk: Chunk, i: number, segment: number, shift: number): void {
    const { kinds, sequences, revisions, subs, bodyOffsets, bodyLengths } = this.#columns;
    const { target } = this.#options;
    const kind = kinds[i]!;
    const offset = bodyOffsets[i]!;
    const length = bodyLengths[i]!;
    if (kind <= EntryKind.delete) {
      target.version(
        kind === EntryKind.put ? EntryKind.put : EntryKind.delete,
        segment,
        offset + shift,
        length,
        revisions[i]!,
        subs[i]!,
      );
      return;
    }
    const record = readRecord(kind, chunk.bytes.subarray(offset, offset + length), chunk.position);
    if (record.kind === 'compact') this.#compacted = Math.max(this.#compacted, record.revision);
    target.record(record, sequences[i]!);
  }
}
