import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { Arena, Clock, Scheduler } from '../../src/base/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { Cleaner, HistoryReader, LogKeys, LogMap, LogWriter, replay } from '../../src/log/index.ts';
import type {
  ChunkFormats,
  CleanerLimits,
  Commit,
  CommitListener,
  Liveness,
  LogTarget,
  Record,
  VersionKind,
  Waiter,
} from '../../src/log/index.ts';
import { keyView } from '../../src/wire/key-value.ts';

interface Version {
  readonly revision: number;
  readonly bytes: number;
  readonly isDeleted: boolean;
}

const realTime: Clock & Scheduler = {
  nowMs: () => performance.now(),
  soon: (run) => void setImmediate(run),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A store that keeps only what liveness needs: which versions of each key are readable. */
export class SimpleLeader implements CommitListener, Liveness, LogTarget {
  readonly versions = new Map<string, Version[]>();
  readonly engine: Engine;
  readonly keys = new LogKeys('test');
  readonly map = new LogMap();
  compacted = 0;
  sequence = 0;
  revision = 1;
  neededBytes = 0;
  writer!: LogWriter;
  cleaner!: Cleaner;
  history!: HistoryReader;
  /** What it reads and writes; may change under way. */
  formats: ChunkFormats = { knows: 1, writes: () => 1 };
  readonly #arena: Arena;

  constructor(engine: Engine, arena: Arena) {
    this.engine = engine;
    this.#arena = arena;
  }

  async open(epoch: number, limits: Partial<CleanerLimits> = {}): Promise<void> {
    const { engine, keys, map, formats } = this;
    const { knows } = formats;
    const signal = new AbortController().signal;
    const replayed = await replay({ engine, keys, arena: this.#arena, map, target: this, knows, signal });
    // A cleaned chunk names its compaction before older versions have come.
    this.#drop();
    const time = { clock: realTime, scheduler: realTime, logger: silentLogger };
    const shared = { ...time, engine, keys, map, formats };
    this.writer = new LogWriter({
      ...shared,
      ...replayed,
      arena: this.#arena,
      epoch,
      random: new SeededRandom(epoch),
      lease: { holds: () => true },
      listener: this,
    });
    this.cleaner = new Cleaner({ ...shared, writer: this.writer, liveness: this, limits });
    this.history = new HistoryReader({ engine, keys, map, knows });
    if ((await this.writer.start()) !== 'leading') throw new Error('the take-over failed');
  }

  put(key: string, value: Uint8Array, waiter: Waiter): void {
    const revision = this.writer.proposedRevision + 1;
    this.writer.put(revision, 0, Buffer.from(key), revision, 1, value, 0n);
    this.#add(key, { revision, bytes: this.writer.bodyLength, isDeleted: false });
    this.writer.seal(waiter);
  }

  remove(key: string, waiter: Waiter): void {
    const revision = this.writer.proposedRevision + 1;
    this.writer.remove(revision, 0, Buffer.from(key));
    this.#add(key, { revision, bytes: this.writer.bodyLength, isDeleted: true });
    this.writer.seal(waiter);
  }

  compact(revision: number): Promise<void> {
    this.writer.record({ kind: 'compact', revision });
    return new Promise((resolve) => this.writer.seal({ settled: () => resolve() }));
  }

  /** Everything proposed so far is committed. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.writer.barrier({ settled: () => resolve() }));
  }

  committed(commit: Commit): void {
    this.sequence = commit.sequence;
    this.revision = commit.revision;
    for (const { record } of commit.records) this.record(record);
  }
  deposed(): void {
    throw new Error('nobody deposes this one');
  }

  cleanedAt(revision: number): void {
    this.#trim(revision);
  }
  version(kind: VersionKind, segment: number, offset: number, length: number, revision: number): void {
    const key = Buffer.from(keyView(this.#arena.bytes(segment), offset)).toString();
    this.#add(key, { revision, bytes: length, isDeleted: kind === 2 });
  }
  record(record: Record): void {
    if (record.kind === 'compact') this.#trim(record.revision);
  }
  applied(sequence: number, revision: number): void {
    this.sequence = sequence;
    this.revision = revision;
  }

  putIsLive(key: Uint8Array, revision: number): boolean {
    const versions = this.versions.get(Buffer.from(key).toString()) ?? [];
    return versions.some((version) => version.revision === revision);
  }
  grantIsLive(): boolean {
    return true;
  }
  alarmIsLive(): boolean {
    return true;
  }

  async cleanUntilIdle(stepsMax = 100_000): Promise<number> {
    for (let steps = 0; steps < stepsMax; steps++) if ((await this.cleaner.step()) === 'idle') return steps;
    throw new Error('cleaning does not come to an end');
  }

  #add(key: string, version: Version): void {
    const versions = this.versions.get(key);
    if (versions === undefined) this.versions.set(key, [version]);
    else if (versions.at(-1)!.revision < version.revision) versions.push(version);
    else return;
    this.neededBytes += version.bytes;
  }

  #trim(compacted: number): void {
    if (compacted <= this.compacted) return;
    this.compacted = compacted;
    this.#drop();
  }

  /** What cannot be read any more. */
  #drop(): void {
    const { compacted } = this;
    for (const [key, versions] of this.versions) {
      let first = versions.findLastIndex(({ revision }) => revision <= compacted);
      if (first < 0) continue;
      const { isDeleted, revision } = versions[first]!;
      if (isDeleted && revision < compacted) first++;
      for (const { bytes } of versions.splice(0, first)) this.neededBytes -= bytes;
      if (versions.length === 0) this.versions.delete(key);
    }
  }
}
