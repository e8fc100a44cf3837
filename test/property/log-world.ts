import type { Arena, Cancel, Clock, Place, Scheduler, SeededRandom } from '../../src/base/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { EngineError } from '../../src/engine/index.ts';
import type { Batch, CommitResult, Engine, Snapshot, Write } from '../../src/engine/index.ts';

/** Virtual time: everything that is scheduled runs in order of time, one at a time, when `step` is called. */
export class VirtualTime implements Clock, Scheduler {
  #nowMs = 0;
  #queue: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  after(delayMs: number, run: () => void): Cancel {
    const event = { atMs: this.#nowMs + delayMs, order: this.#order++, run };
    this.#queue.push(event);
    return () => void (this.#queue = this.#queue.filter((other) => other !== event));
  }

  /** Runs the next event and all that follows from it without time passing. False: there is none. */
  async step(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    const event = this.#queue.shift();
    if (event === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    event.run();
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  async until(isDone: () => boolean, stepsMax = 100_000): Promise<void> {
    for (let steps = 0; !isDone(); steps++) {
      if (steps > stepsMax) throw new Error('it does not come to an end');
      if (!(await this.step()) && !isDone()) throw new Error('nothing is scheduled any more');
    }
  }
}

/** Segments of a size that makes chunks end often; now and then somebody else takes bytes in between. */
export class TestArena implements Arena {
  readonly #segments: Buffer[] = [];
  readonly #size: number;
  #used = 0;

  constructor(size: number) {
    this.#size = size;
  }

  reserve(length: number): Place {
    if (this.room() < length) {
      this.#segments.push(Buffer.alloc(Math.max(this.#size, length)));
      this.#used = 0;
    }
    const segment = this.#segments.length - 1;
    const place = { segment, offset: this.#used, bytes: this.bytes(segment) };
    this.#used += length;
    return place;
  }

  room(): number {
    return (this.#segments.at(-1)?.length ?? 0) - this.#used;
  }

  bytes(segment: number): Buffer {
    return this.#segments[segment]!;
  }
}

export interface EngineFaults {
  /** Probability of an uncertain commit; it lands at once, late, or never. */
  readonly uncertain: number;
  /** Probability that a call is refused without effect. */
  readonly refused: number;
}

/** The memory engine behind a line that is slow and not reliable. */
export class UnreliableEngine implements Engine {
  readonly memory = new MemoryEngine();
  readonly capabilities = this.memory.capabilities;
  faults: EngineFaults;
  onLanded: (writes: readonly Write[]) => void = () => undefined;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;

  constructor(time: VirtualTime, random: SeededRandom, faults: EngineFaults) {
    this.#time = time;
    this.#random = random;
    this.faults = faults;
  }

  async snapshot(): Promise<Snapshot> {
    await this.#delay();
    return this.memory.snapshot();
  }

  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    // What the caller does with its bytes afterwards must not matter.
    const copy: Batch = {
      conditions: batch.conditions,
      writes: batch.writes.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })),
    };
    await this.#delay();
    if (this.#random.chance(this.faults.refused))
      throw new EngineError('overloaded', 'Cannot take the commit now');
    if (!this.#random.chance(this.faults.uncertain)) {
      const result = await this.#land(copy, signal);
      await this.#delay();
      return result;
    }
    const fate = this.#random.next();
    if (fate < 0.35) await this.#land(copy, signal);
    else if (fate < 0.8)
      this.#time.after(this.#random.next() ** 3 * 400, () => void this.#land(copy, signal));
    await this.#delay();
    return { kind: 'uncertain', cause: new Error('The answer was lost') };
  }

  sizeBytes(): Promise<number> {
    return this.memory.sizeBytes();
  }
  compact(): Promise<void> {
    return this.memory.compact();
  }
  close(): Promise<void> {
    return this.memory.close();
  }

  async #land(batch: Batch, _signal: AbortSignal): Promise<CommitResult> {
    const committing = this.memory.commit(batch, new AbortController().signal);
    // The memory engine commits within the call; the result tells whether the conditions held.
    const result = await committing;
    if (result.kind === 'committed') this.onLanded(batch.writes);
    return result;
  }

  #delay(): Promise<void> {
    const ms = this.#random.chance(0.1) ? this.#random.next() ** 2 * 60 : this.#random.next() * 4;
    return new Promise((resolve) => this.#time.after(ms, () => resolve()));
  }
}

/** An engine that shows one moment of another one. */
export function frozen(engine: MemoryEngine): Engine {
  const snapshot = engine.snapshot();
  return {
    capabilities: engine.capabilities,
    snapshot: () => snapshot,
    commit: () => Promise.reject(new Error('it is frozen')),
    sizeBytes: () => engine.sizeBytes(),
    compact: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
