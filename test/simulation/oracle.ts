import type { HistoryEvent } from '../validators/watch.ts';
import type { KeyValue } from '../../src/wire/index.ts';
import { latin1, State } from './state.ts';
import type { Entry } from './state.ts';
import { StoredLog } from './stored-log.ts';
import type { ParsedChunk } from './stored-log.ts';

export const KEYSPACE = 'simulated';
/** The log is replayed after each cleaning, and after every so many commits. */
const REPLAYED_EVERY = 16;

/** Somebody has been shown this revision. */
export interface Sighting {
  readonly atMs: number;
  readonly revision: number;
  /** The node that has shown it. */
  readonly by: string;
}

/**
 * Sees every commit at the instant it lands, keeps the log as if it were never cleaned, and judges by it whatever is
 * stored (promises 1, 2 and 3, and that cleaning changes nothing).
 */
export class Oracle {
  readonly problems: string[] = [];
  readonly sightings: Sighting[] = [];
  /** All entries ever committed, never cleaned. */
  readonly entries: Entry[] = [];
  readonly full = new State();
  /** When a revision landed. */
  readonly landedMs = new Map<number, number>([[1, 0]]);
  /** When a sequence landed. */
  readonly sequenceLandedMs = new Map<number, number>();
  readonly counts = { commits: 0, cleanings: 0, epochs: 0, continued: 0, fragments: 0 };
  readonly stored = new StoredLog(KEYSPACE);
  /** Told of each chunk that is written, also by cleaning. */
  onWritten: (chunk: ParsedChunk) => void = () => undefined;
  /** Told of each revision that somebody is shown by a watch. */
  onShown: (revision: number, by: string) => void = () => undefined;
  readonly #byRevision = new Map<number, Entry[]>();
  readonly #nowMs: () => number;
  #epoch = 0;
  #commit = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The highest that has committed anything. */
  get epoch(): number {
    return this.#epoch;
  }

  fail(problem: string): void {
    this.problems.push(`${this.#nowMs().toFixed(0)} ms: ${problem}`);
  }

  expect(holds: boolean, problem: () => string): void {
    if (!holds) this.fail(problem());
  }

  /** The changes of a revision, in order. */
  entriesAt(revision: number): readonly Entry[] {
    return this.#byRevision.get(revision) ?? [];
  }

  /** Everything up to a revision is committed with this sequence. */
  sequenceOf(revision: number): number {
    return this.entriesAt(revision).at(-1)?.sequence ?? 0;
  }

  saw(revision: number, by: string): void {
    this.sightings.push({ atMs: this.#nowMs(), revision, by });
    this.onShown(revision, by);
  }

  landed(writes: readonly { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[]): void {
    const written = this.stored.apply(writes);
    const { head } = this.stored;
    if (head === undefined) return this.fail('a commit without a head');
    this.counts.commits++;
    this.expect(
      head.epoch >= this.#epoch,
      () => `promise 3: epoch ${head.epoch} committed after ${this.#epoch}`,
    );
    this.expect(
      head.commit > this.#commit,
      () => `the head counts ${head.commit} commits after ${this.#commit}`,
    );
    this.#epoch = head.epoch;
    this.#commit = head.commit;
    for (const chunk of written) this.onWritten(chunk);
    const appended = written.filter(({ header }) => header.first > this.full.sequence);
    if (appended.length === 0) this.counts.cleanings++;
    for (const chunk of appended) this.#append(chunk);
    this.expect(
      head.sequence === this.full.sequence && head.revision === this.full.revision,
      () =>
        `the head says ${JSON.stringify(head)} at sequence ${this.full.sequence}, revision ${this.full.revision}`,
    );
    // What is appended cannot change what was there.
    if (appended.length === 0 || this.counts.commits % REPLAYED_EVERY === 0) this.#checkReplay();
  }

  #append({ header, entries }: ParsedChunk): void {
    this.expect(
      header.first === this.full.sequence + 1,
      () => `chunk ${header.first} follows ${this.full.sequence}`,
    );
    if (header.continues) this.counts.continued++;
    for (const entry of entries) {
      const { revision } = this.full;
      if (entry.kind === 'epoch') this.counts.epochs++;
      this.expect(
        entry.revision === 0 || entry.revision === revision || entry.revision === revision + 1,
        () => `promise 2: revision ${entry.revision} after ${revision}`,
      );
      this.entries.push(entry);
      const together = this.#byRevision.get(entry.revision);
      if (together === undefined) this.#byRevision.set(entry.revision, [entry]);
      else together.push(entry);
      this.full.apply(entry);
      if (entry.revision > revision) this.landedMs.set(entry.revision, this.#nowMs());
    }
    this.full.sequence = header.last;
    this.sequenceLandedMs.set(header.last, this.#nowMs());
  }

  /** A replay of what is stored yields the state, however the log has been cleaned; and the cover has no gap. */
  #checkReplay(): void {
    const replayed = new State();
    let next = 1;
    for (const { header, entries } of this.stored.ordered()) {
      this.expect(
        header.first === next,
        () => `the log has a gap or an overlap at ${next}: ${header.first}-${header.last}`,
      );
      next = header.last + 1;
      replayed.compacted = Math.max(replayed.compacted, header.cleanedRevision);
      for (const entry of entries) replayed.apply(entry);
    }
    this.expect(
      next === this.full.sequence + 1,
      () => `the log ends at ${next - 1}, expected ${this.full.sequence}`,
    );
    const [found, expected] = [replayed.digest(), this.full.digest()];
    this.expect(found === expected, () => `a replay yields\n${found}\nexpected\n${expected}`);
  }

  /** The whole history as the watch validators want it. */
  history(): HistoryEvent[] {
    const state = new State();
    const events: HistoryEvent[] = [];
    for (const entry of this.entries) {
      if (entry.kv !== undefined && (entry.kind === 'put' || entry.kind === 'delete')) {
        const before = state.at(entry.key, entry.revision - 1);
        events.push({
          type: entry.kind,
          kv: watchKv(entry.kv),
          previous: before === undefined ? undefined : watchKv(before),
        });
      }
      state.apply(entry);
    }
    return events;
  }
}

function watchKv(kv: KeyValue): HistoryEvent['kv'] {
  return { ...kv, key: latin1(kv.key), value: latin1(kv.value) };
}
