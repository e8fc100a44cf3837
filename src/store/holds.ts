import type { Clock } from '../base/index.ts';
import type { Segments } from '../index/index.ts';
import type { StoreLimits } from './limits.ts';

/** What an answer under way refers to. */
export interface Held {
  /** Key-values. */
  readonly runs: number;
  /** Bytes of those that lie in no segment. */
  readonly ownBytes: number;
}

export interface Hold {
  /** The answer takes too long, or keeps too much: it is to be given up. */
  isOverdue(): boolean;
  /** It has been sent, or given up. Once. */
  release(): void;
}

/**
 * What answers under way keep in memory: they refer to bytes in segments until the client has taken them. That costs
 * nothing while the segments are there anyway; from then on, each one that the store drops stays for the answers that began
 * before. So what all of them keep is at most what was dropped since the oldest began, which is given up when that is too
 * much. A revision need not be pinned for that: what an answer refers to does not change, wherever the store has it now.
 */
export class Holds {
  readonly #clock: Clock;
  readonly #segments: Segments;
  readonly #limits: StoreLimits;
  #runs = 0;
  #ownBytes = 0;
  #count = 0;

  constructor(parts: { clock: Clock; segments: Segments; limits: StoreLimits }) {
    this.#clock = parts.clock;
    this.#segments = parts.segments;
    this.#limits = parts.limits;
  }

  /** Answers under way. */
  get count(): number {
    return this.#count;
  }

  /** So much is referred to that no further list may begin. */
  get isFull(): boolean {
    return this.#runs >= this.#limits.heldRunsMax || this.#ownBytes >= this.#limits.heldBytesMax;
  }

  hold({ runs, ownBytes }: Held): Hold {
    this.#count++;
    this.#runs += runs;
    this.#ownBytes += ownBytes;
    const endsMs = this.#clock.nowMs() + this.#limits.pinMsMax;
    const droppedMax = this.#segments.droppedBytes + this.#limits.heldBytesMax;
    return {
      isOverdue: () => this.#clock.nowMs() > endsMs || this.#segments.droppedBytes > droppedMax,
      release: () => {
        this.#count--;
        this.#runs -= runs;
        this.#ownBytes -= ownBytes;
      },
    };
  }
}
