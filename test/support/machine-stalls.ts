import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from './monotonic.ts';

const WITNESS = join(import.meta.dirname, 'stall-witness.ts');

/** A machine that stood still for so long meanwhile may be why a test failed that bounds time. */
export const STALLED_MS_MIN = 100;

/** A span of the monotonic clock. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Patience<T> {
  readonly play: () => Promise<T>;
  readonly isFine: (outcome: T) => boolean;
  /** It is not fine, and is played again, because the machine stood still for so long. */
  readonly again: (outcome: T, stalledMs: number) => void;
  readonly playsMax?: number;
}

/**
 * Sees when the machine itself stands still: a host that takes a core away, a disk that is busy with what others wrote.
 * A bound on the time of a server is a bound on what the server makes of its time, so what nobody had is taken from it.
 * The witnesses are processes that do next to nothing but ask, one on each core, and one that writes to `directory`.
 */
export class MachineStalls {
  readonly #witnesses: readonly ChildProcess[];
  readonly #spans: Span[] = [];

  /** @param directory on the disk to watch; without it no disk is */
  static async start(directory?: string): Promise<MachineStalls> {
    const stalls = new MachineStalls(directory);
    await Promise.all(stalls.#witnesses.map((witness) => once(witness, 'message')));
    return stalls;
  }

  private constructor(directory: string | undefined) {
    this.#witnesses = [
      ...Array.from({ length: availableParallelism() }, (_, core) => this.#witness([], core)),
      ...(directory === undefined ? [] : [this.#witness([directory])]),
    ];
  }

  get pids(): readonly number[] {
    return this.#witnesses.map(({ pid }) => pid!);
  }

  /** Ends the witnesses; all that they saw is known then. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#witnesses.map(async (witness) => {
        const closed = once(witness, 'close');
        witness.kill();
        await closed;
      }),
    );
  }

  /** For how many milliseconds of these the machine stood still. */
  within(span: Span): number {
    return stalledWithin(this.#spans, span);
  }

  /** The most that `within` says of any span of this length. */
  mostWithin(lengthMs: number): number {
    const starts = this.#spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs - lengthMs]);
    return Math.max(0, ...starts.map((fromMs) => this.within({ fromMs, toMs: fromMs + lengthMs })));
  }

  /** Plays what may come out otherwise because the machine stood still meanwhile, until it did not or is fine. */
  async patiently<T>({ play, isFine, again, playsMax = 3 }: Patience<T>): Promise<T> {
    for (let plays = 1; ; plays++) {
      const fromMs = monotonicMs();
      const outcome = await play();
      const stalledMs = this.within({ fromMs, toMs: monotonicMs() });
      if (isFine(outcome) || stalledMs < STALLED_MS_MIN || plays === playsMax) return outcome;
      again(outcome, Math.round(stalledMs));
    }
  }

  #witness(args: readonly string[], core?: number): ChildProcess {
    const witness = fork(WITNESS, args, { execArgv: ['--import', 'tsx'], silent: true });
    // Not everywhere can a process be held on one core. Then its witness looks at whichever it is given.
    if (core !== undefined) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(witness.pid)]);
    let rest = '';
    witness.stdout!.on('data', (text: Buffer) => {
      const lines = (rest + text.toString()).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const [fromMs, toMs] = line.split(' ').map(Number);
        this.#spans.push({ fromMs: fromMs!, toMs: toMs! });
      }
    });
    return witness;
  }
}

/** How much of a span is covered by others, which may overlap. */
export function stalledWithin(spans: readonly Span[], { fromMs, toMs }: Span): number {
  let [sum, seenMs] = [0, fromMs];
  for (const span of spans.toSorted((one, other) => one.fromMs - other.fromMs)) {
    const endMs = Math.min(span.toMs, toMs);
    sum += Math.max(0, endMs - Math.max(span.fromMs, seenMs));
    seenMs = Math.max(seenMs, endMs);
  }
  return sum;
}
