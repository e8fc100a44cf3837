import type { Cancel, Clock, Scheduler } from '../../src/base/index.ts';
import { SeededRandom } from '../../src/base/index.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly owner: string;
  readonly run: () => void;
}

const nextTurn = setImmediate;
const JUST_MS = 10;

/**
 * Virtual time and the only source of asynchrony: one queue of events in the order of (time, arrival), each with an
 * owner. Between two events every promise continuation runs that the first one unlocked, so a run is a function of its
 * seed. A crash takes an owner's events away; a stall puts them off.
 */
export class World implements Clock {
  readonly random: SeededRandom;
  readonly #events: Event[] = [];
  readonly #stalledUntilMs = new Map<string, number>();
  readonly #dead = new Set<string>();
  #nowMs = 0;
  #order = 0;
  #digest = 2166136261;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Two runs of one seed must agree on it. */
  digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0');
  }

  /** Takes what somebody was answered into the digest. */
  note(text: string): void {
    for (let i = 0; i < text.length; i++)
      this.#digest = Math.imul(this.#digest ^ text.charCodeAt(i), 16777619);
  }

  schedule(owner: string, delayMs: number, run: () => void): void {
    if (this.#dead.has(owner)) return;
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, owner, run };
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.atMs <= event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  sleep(owner: string, ms: number): Promise<void> {
    return new Promise((resolve) => this.schedule(owner, ms, resolve));
  }

  /** The scheduler of one incarnation of a node: what it schedules dies with it. */
  schedulerOf(owner: string): Scheduler {
    return {
      soon: (run) => this.schedule(owner, 0, run),
      after: (delayMs, run): Cancel => {
        let cancelled = false;
        this.schedule(owner, delayMs, () => {
          if (!cancelled) run();
        });
        return () => {
          cancelled = true;
        };
      },
    };
  }

  kill(owner: string): void {
    this.#dead.add(owner);
    for (let i = this.#events.length - 1; i >= 0; i--)
      if (this.#events[i]!.owner === owner) this.#events.splice(i, 1);
  }

  stall(owner: string, ms: number): void {
    this.#stalledUntilMs.set(owner, Math.max(this.#stalledUntilMs.get(owner) ?? 0, this.#nowMs + ms));
  }

  /** Whether an event of this owner may be late, or was until just now. */
  isLate(owner: string): boolean {
    return (this.#stalledUntilMs.get(owner) ?? -Infinity) > this.#nowMs - JUST_MS;
  }

  async run(untilMs: number): Promise<void> {
    for (;;) {
      const event = this.#events[0];
      if (event === undefined || event.atMs > untilMs) break;
      this.#events.shift();
      const stalledUntilMs = this.#stalledUntilMs.get(event.owner) ?? 0;
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      if (stalledUntilMs > event.atMs) {
        this.schedule(event.owner, stalledUntilMs - this.#nowMs, event.run);
        continue;
      }
      this.note(`${event.atMs.toFixed(3)}|${event.owner}`);
      event.run();
      await new Promise<void>((resolve) => nextTurn(resolve));
    }
    this.#nowMs = untilMs;
  }
}
