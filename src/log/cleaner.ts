import { assert } from '../base/index.ts';
import type { Logger, Scheduler } from '../base/index.ts';
import type { Engine, Write } from '../engine/index.ts';
import { CHUNK_FORMATS, CHUNK_HEADER_LENGTH, readChunk } from './chunk.ts';
import type { Chunk, ChunkFormats } from './chunk.ts';
import { damaged } from './errors.ts';
import { NO_FAULTS, planted } from './faults.ts';
import type { LogFaults } from './faults.ts';
import { sequenceOfSlot } from './keys.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap, StoredChunk } from './log-map.ts';
import { judge, rewrite } from './rewrite.ts';
import type { Judged, Rewritten, Sweep } from './rewrite.ts';
import type { Liveness } from './target.ts';
import type { LogWriter } from './writer.ts';

export interface CleanerOptions {
  readonly writer: LogWriter;
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly map: LogMap;
  readonly liveness: Liveness;
  /** Lets the event loop have its turn while a large chunk is judged. */
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** @default 1, for both */
  readonly formats?: ChunkFormats;
  readonly limits?: Partial<CleanerLimits>;
  readonly faults?: LogFaults;
}

/** Bounds and thresholds of cleaning. */
export interface CleanerLimits {
  /** A step reads about so many bytes, and one chunk at least; more when there is much to clean, ... */
  readonly stepBytesMin: number;
  /** ... but never more than about this. */
  readonly stepBytesMax: number;
  /** The part of the dead bytes that a step reads. */
  readonly stepShare: number;
  /** Chunks below this are merged with their neighbours. */
  readonly chunkBytesMin: number;
  /** A pass that rewrites is worth it from so many dead bytes on, ... */
  readonly deadBytesMin: number;
  /** ... which must also be so large a part of what is needed. */
  readonly deadShareMin: number;
  /** A sweep is worth it from so many removals on, ... */
  readonly removalsMin: number;
  /** ... which must also be so large a part of all entries. */
  readonly removalsShareMin: number;
  /** A pass that merges is worth it when the log has so many chunks more than after the last one. */
  readonly newChunksMin: number;
  /** The engine is told to give back what was replaced from so many bytes on, ... */
  readonly replacedBytesMin: number;
  /** ... which must also be so large a part of the log. */
  readonly replacedShareMin: number;
}

export const CLEANER_LIMITS: CleanerLimits = {
  stepBytesMin: 512 * 1024,
  stepBytesMax: 8 * 1024 * 1024,
  stepShare: 1 / 64,
  chunkBytesMin: 64 * 1024,
  deadBytesMin: 8 * 1024 * 1024,
  deadShareMin: 0.25,
  removalsMin: 1000,
  removalsShareMin: 0.2,
  newChunksMin: 256,
  replacedBytesMin: 32 * 1024 * 1024,
  replacedShareMin: 0.5,
};

/**
 * One way through the log from its oldest chunk to its newest. A `sweep` removes all that is dead, removals included;
 * `clean` rewrites what is less than half live; `merge` reads only where there are small chunks.
 */
interface Pass {
  readonly kind: 'sweep' | 'clean' | 'merge';
  readonly sweep: Sweep | undefined;
  /** Also what is still growing is merged. */
  readonly isDemanded: boolean;
  /** The next sequence to look at. */
  next: number;
  /** From here on, up to `next`, lies a small chunk that waits to be merged with what follows; `next`: there is none. */
  carry: number;
}

interface Replaced {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

const NOTHING_REPLACED: Replaced = { bytes: 0, from: Infinity, to: 0 };

/** An entry's header, about. */
const ENTRY_BYTES = 12;
/** A row with fewer chunks is not worth merging for its own sake. */
const ROW_CHUNKS_MIN = 4;

/**
 * Gives storage back, one bounded step at a time, by commits like any other.
 *
 * 1. The newest chunk is never touched, so that the log ends with what its head says.
 * 2. Cleaning drops no removal (a delete, a revoke, a disarm): it must outlive all that it removed. Only a sweep does,
 *    bound to the compaction and the sequence at its start: what it has passed holds nothing that an older removal hides.
 * 3. Steps never overlap. A step that cannot commit ends the epoch, and what it has read is forgotten.
 * 4. A pass reads the whole log at most once and begins only when the garbage made since the last one is a fixed part of
 *    what it reads, so cleaning costs a constant factor of writing.
 * 5. An engine may keep what was replaced until it is asked: LevelDB moves tables of rising keys down its levels unread,
 *    and the removals that would empty them stay above. So the cleaner asks, for the keys that it has replaced.
 */
export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #limits: CleanerLimits;
  readonly #faults: LogFaults;
  readonly #formats: ChunkFormats;
  #pass: Pass | undefined;
  #isStepping = false;
  /** Passes that were asked for. */
  #demanded: Pass['kind'][] = [];
  /** What the last passes left, so that the next one waits for more. */
  #deadBytesLeft = 0;
  #chunksLeft = 0;
  #cleanedAt = 0;
  #sweptAt = 0;
  /** Chunks replaced since the engine was last asked to give space back: their bytes, and the sequences they lie in. */
  #replaced = NOTHING_REPLACED;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#limits = { ...CLEANER_LIMITS, ...options.limits };
    this.#faults = options.faults ?? NO_FAULTS;
    this.#formats = options.formats ?? CHUNK_FORMATS;
  }

  /** The pass under way. */
  get pass(): 'sweep' | 'clean' | 'merge' | undefined {
    return this.#pass?.kind;
  }

  /** A sweep, a cleaning and a merging pass are due, however little there is to gain: for defragmentation and tests. */
  demand(): void {
    this.#demanded = ['sweep', 'clean', 'merge'];
  }

  /**
   * One bounded piece of work. `idle`: nothing is worth doing now; ask again after a compaction or a second. Rejects with
   * EngineError when the engine cannot be read now (try again later), with LogError when the log is damaged.
   */
  async step(): Promise<'worked' | 'idle'> {
    assert(!this.#isStepping, 'steps of cleaning do not overlap');
    if (!this.#options.writer.leading) return 'idle';
    const pass = (this.#pass ??= this.#duePass());
    if (pass === undefined) return 'idle';
    this.#isStepping = true;
    try {
      const window = this.#nextWindow(pass);
      if (window === undefined) this.#endPass(pass);
      else await this.#cleanWindow(pass, window);
      await this.#giveBack();
    } finally {
      this.#isStepping = false;
    }
    return 'worked';
  }

  // ---- When

  #duePass(): Pass | undefined {
    const demanded = this.#demanded.shift();
    const kind = demanded ?? this.#dueKind();
    if (kind === undefined) return undefined;
    const { compacted, sequence } = this.#options.liveness;
    const sweep = kind === 'sweep' ? { compacted, sequence } : undefined;
    return { kind, sweep, isDemanded: demanded !== undefined, next: 1, carry: 1 };
  }

  #dueKind(): Pass['kind'] | undefined {
    const { liveness, map } = this.#options;
    const { compacted, neededBytes } = liveness;
    const limits = this.#limits;
    if (compacted > this.#sweptAt && map.removals >= limits.removalsMin) {
      const removals = map.removalsUpTo(compacted);
      if (removals >= Math.max(limits.removalsMin, limits.removalsShareMin * map.entries)) return 'sweep';
    }
    if (compacted > this.#cleanedAt) {
      const enough = Math.max(limits.deadBytesMin, limits.deadShareMin * neededBytes);
      if (this.#deadBytes() - this.#deadBytesLeft >= enough) return 'clean';
    }
    return map.chunks - this.#chunksLeft >= limits.newChunksMin ? 'merge' : undefined;
  }

  /** About how many bytes of the log no replay needs. */
  #deadBytes(): number {
    const { liveness, map } = this.#options;
    const overhead = map.chunks * CHUNK_HEADER_LENGTH + map.entries * ENTRY_BYTES;
    return Math.max(0, map.bytes - overhead - liveness.neededBytes);
  }

  #endPass(pass: Pass): void {
    const { liveness, logger, map } = this.#options;
    this.#pass = undefined;
    map.thin();
    this.#chunksLeft = map.chunks;
    if (pass.kind === 'merge') return;
    this.#cleanedAt = liveness.compacted;
    this.#deadBytesLeft = this.#deadBytes();
    if (pass.sweep !== undefined) this.#sweptAt = pass.sweep.compacted;
    logger.debug('Cleaned the log', {
      pass: pass.kind,
      bytes: map.bytes,
      chunks: map.chunks,
      entries: map.entries,
    });
  }

  // ---- Where

  /** The next range of sequences to read, both ends included; it begins with what the last one left to be merged. */
  #nextWindow(pass: Pass): { from: number; to: number } | undefined {
    const { map, writer } = this.#options;
    const newest = Math.min(map.lastSequence, writer.head.sequence);
    for (let row = map.rowOf(pass.next); row < map.rows; row++) {
      if (this.#isPassOver(pass, row)) return undefined;
      if (pass.kind === 'merge' && !this.#isFragmented(row)) {
        pass.next = pass.carry = map.end(row) + 1;
        continue;
      }
      const start = Math.max(pass.next, map.start(row));
      const enough = this.#stepBytes();
      let bytes = 0;
      let end = row;
      for (; end < map.rows; end++) {
        bytes += map.bytesIn(end);
        if (bytes >= enough || end + 1 === map.rows || this.#isPassOver(pass, end + 1)) break;
        if (pass.kind === 'merge' && !this.#isFragmented(end + 1)) break;
      }
      const from = pass.carry < pass.next && pass.next === start ? pass.carry : start;
      const to = Math.min(map.end(end), newest - 1);
      return start <= to ? { from, to } : undefined;
    }
    return undefined;
  }

  /** What a step reads: so much that writers who only overwrite are kept up with, since each step waits for a commit. */
  #stepBytes(): number {
    const { stepBytesMin, stepBytesMax, stepShare } = this.#limits;
    return Math.min(stepBytesMax, Math.max(stepBytesMin, this.#deadBytes() * stepShare));
  }

  /** Nothing in the row or behind it is of interest to the pass. */
  #isPassOver(pass: Pass, row: number): boolean {
    const { liveness, map } = this.#options;
    if (pass.sweep !== undefined) {
      const bound = planted(this.#faults, 'sweep-unbound') ? liveness : pass.sweep;
      return map.start(row) > bound.sequence;
    }
    if (pass.kind === 'clean') return map.firstRevision(row) > liveness.compacted;
    // The last row is still being filled.
    return row === map.rows - 1 && map.bytesIn(row) < this.#limits.chunkBytesMin && !pass.isDemanded;
  }

  #isFragmented(row: number): boolean {
    const { map } = this.#options;
    const least = this.#limits.chunkBytesMin / 2;
    if (map.chunksIn(row) === 0) return false;
    if (map.chunksIn(row) >= ROW_CHUNKS_MIN) return true;
    const isSmall = (neighbour: number) => neighbour < map.rows && map.bytesIn(neighbour) < least;
    return isSmall(row) && (isSmall(row + 1) || (row > 0 && isSmall(row - 1)));
  }

  // ---- What

  async #cleanWindow(pass: Pass, window: { from: number; to: number }): Promise<void> {
    const { liveness, scheduler } = this.#options;
    const judged: Judged[] = [];
    const { chunks, to } = await this.#read(window.from, window.to);
    const pause = () => new Promise<void>((resolve) => scheduler.soon(resolve));
    for (const chunk of chunks)
      judged.push(await judge(chunk, { liveness, sweep: pass.sweep, faults: this.#faults, pause }));
    const runs = this.#plan(pass, judged);
    const changed = runs.filter((run) => run.length > 1 || this.#isWorthRewriting(pass, run[0]!));
    const format = this.#formats.writes();
    const outputs = changed.map((run) => rewrite(run, format));
    if (outputs.length > 0 && !(await this.#commit(changed, outputs))) {
      this.#pass = undefined;
      return;
    }
    const last = runs.at(-1);
    const isSmall = last !== undefined && sizeOf(last) < this.#limits.chunkBytesMin;
    pass.next = to + 1;
    pass.carry = isSmall ? last[last.length - 1]!.chunk.header.last : pass.next;
  }

  /** The chunks whose last sequence is in a range; fewer than all of them when they are more than a step may read. */
  async #read(from: number, to: number): Promise<{ chunks: Chunk[]; to: number }> {
    const { engine, keys } = this.#options;
    const chunks: Chunk[] = [];
    const most = this.#stepBytes() * 2;
    let bytes = 0;
    await using snapshot = await engine.snapshot();
    for await (const entries of snapshot.scan({ gte: keys.slot(from), lt: keys.slot(to + 1) })) {
      for (const { key, value } of entries) {
        const chunk = readChunk(value, sequenceOfSlot(key), this.#formats.knows);
        const before = chunks[chunks.length - 1]?.header.last;
        if (before !== undefined && chunk.header.first !== before + 1)
          throw damaged(
            chunk.position,
            `it covers from ${chunk.header.first} on, what is before it ends at ${before}`,
          );
        chunks.push(chunk);
        bytes += value.length;
        // The first one may be the carry, so that two at least make progress.
        if (bytes >= most && chunks.length > 1) return { chunks, to: Math.min(to, chunk.header.last) };
      }
    }
    return { chunks, to };
  }

  #isWorthRewriting(pass: Pass, { chunk, columns, liveBytes, liveCount }: Judged): boolean {
    if (liveCount === columns.count) return false;
    return pass.sweep !== undefined || liveBytes * 2 < chunk.header.entriesLength;
  }

  /** Neighbours that become one chunk: small ones until they are large enough, and empty ones with whatever follows. */
  #plan(pass: Pass, judged: readonly Judged[]): Judged[][] {
    const runs: Judged[][] = [];
    let bytes = 0;
    for (const part of judged) {
      const isKept = part.liveCount < part.columns.count && !this.#isWorthRewriting(pass, part);
      const size = isKept ? part.chunk.header.entriesLength : part.liveBytes;
      const run = runs.at(-1);
      const isSmall = bytes < this.#limits.chunkBytesMin && size < this.#limits.chunkBytesMin;
      if (run !== undefined && (isSmall || bytes === 0 || size === 0)) {
        run.push(part);
        bytes += part.liveBytes;
      } else {
        runs.push([part]);
        bytes = size;
      }
    }
    return runs;
  }

  async #commit(changed: readonly (readonly Judged[])[], outputs: readonly Rewritten[]): Promise<boolean> {
    const { keys, map, writer } = this.#options;
    const replaced = changed.flat();
    const kept = new Set(outputs.map(({ last }) => last));
    const writes: Write[] = outputs.map(({ last, value }) => ({ key: keys.slot(last), value }));
    for (const { chunk } of replaced)
      if (!kept.has(chunk.header.last)) writes.push({ key: keys.slot(chunk.header.last), value: undefined });
    if (!(await writer.commitCleaning(writes))) return false;
    for (const part of replaced) {
      map.remove(storedOf(part));
      this.#count(part.chunk);
    }
    for (const output of outputs) map.add(output);
    return true;
  }

  // ---- Space

  #count({ bytes, header }: Chunk): void {
    const { bytes: before, from, to } = this.#replaced;
    this.#replaced = {
      bytes: before + bytes.length,
      from: Math.min(from, header.last),
      to: Math.max(to, header.last),
    };
  }

  async #giveBack(): Promise<void> {
    const { engine, keys, map } = this.#options;
    const { bytes, from, to } = this.#replaced;
    if (bytes < Math.max(this.#limits.replacedBytesMin, this.#limits.replacedShareMin * map.bytes)) return;
    await engine.compact({ gte: keys.slot(from), lt: keys.slot(to + 1) });
    this.#replaced = NOTHING_REPLACED;
  }
}

function sizeOf(run: readonly Judged[]): number {
  return run.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
}

function storedOf({ chunk, removals }: Judged): StoredChunk {
  const { last, entryCount } = chunk.header;
  return { last, bytes: chunk.bytes.length, entries: entryCount, removals };
}
