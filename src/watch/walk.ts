import { NONE } from '../index/index.ts';
import type { VersionId } from '../index/index.ts';
import type { Bytes } from '../base/index.ts';
import type { Budget } from './budget.ts';
import type { WatchSource } from './source.ts';

/** Versions of one key that are looked at to find where a response should end. */
const KEY_VERSIONS_MAX = 512;

/** What a walk needs to know of the pass that it feeds. */
export interface Walked {
  /** The highest revision of which anything has been walked. The walk moves it. */
  walked: number;
  /** What was collected is enough for a response: end at the next revision. */
  readonly isFull: boolean;
  /** Whether nobody listens. */
  readonly isEmpty: boolean;
  take(version: VersionId): void;
}

/**
 * How a walk's step ended. `end`: at the committed revision. `boundary`: all of `walked` has been taken, and more follows.
 * `paused`: the turn's budget is spent, perhaps in the middle of `walked`. `lost`: history was trimmed ahead of the walk.
 */
export type WalkOutcome = 'end' | 'boundary' | 'paused' | 'lost';

export interface Walk {
  step(pass: Walked, budget: Budget): WalkOutcome;
}

/** Takes everything that happened, in order. */
export class HistoryWalk implements Walk {
  readonly #source: WatchSource;
  #position: number;

  /** Starts with the first version of revision `from` or above, which must not be compacted. */
  constructor(source: WatchSource, from: number) {
    this.#source = source;
    this.#position = source.index.historySeek(from);
  }

  step(pass: Walked, budget: Budget): WalkOutcome {
    const { index } = this.#source;
    const committed = this.#source.revision();
    if (pass.isEmpty) {
      this.#position = index.historySeek(committed + 1);
      pass.walked = Math.max(pass.walked, committed);
      return 'end';
    }
    if (this.#position < index.historyStart) return 'lost';
    const end = index.historyEnd;
    while (this.#position < end) {
      const version = index.historyAt(this.#position);
      const revision = index.revision(version);
      if (revision > committed) break;
      if (revision !== pass.walked) {
        if (pass.isFull) return 'boundary';
        pass.walked = revision;
      }
      this.#position++;
      pass.take(version);
      if (budget.step()) return 'paused';
    }
    pass.walked = Math.max(pass.walked, committed);
    return 'end';
  }
}

/** Takes the versions of one key, in order. Costs by their number, not by the length of the history. */
export class KeyWalk implements Walk {
  readonly #source: WatchSource;
  readonly #key: Bytes;
  #found: VersionId[] = [];

  constructor(source: WatchSource, key: Bytes) {
    this.#source = source;
    this.#key = key;
  }

  step(pass: Walked, budget: Budget): WalkOutcome {
    const { index } = this.#source;
    const committed = this.#source.revision();
    const upper = this.#find(pass.walked + 1, committed);
    for (let i = this.#found.length - 1; i >= 0; i--) {
      const version = this.#found[i]!;
      const revision = index.revision(version);
      if (revision !== pass.walked && pass.isFull) return 'boundary';
      pass.walked = revision;
      pass.take(version);
      budget.step();
    }
    pass.walked = Math.max(pass.walked, upper);
    return upper === committed ? 'end' : 'boundary';
  }

  /**
   * Leaves in `#found`, newest first, all versions with revisions from `from` up to the returned one, which is halved
   * towards `from` until they are few.
   */
  #find(from: number, committed: number): number {
    const { index } = this.#source;
    const key = index.find(this.#key);
    this.#found.length = 0;
    if (key === NONE) return committed;
    for (let upper = committed; ; upper = Math.floor((from + upper) / 2)) {
      this.#found.length = 0;
      let version = index.at(key, upper);
      while (version !== NONE && index.revision(version) >= from) {
        if (this.#found.length === KEY_VERSIONS_MAX && upper > from) break;
        this.#found.push(version);
        version = index.previous(version);
      }
      if (version === NONE || index.revision(version) < from) return upper;
    }
  }
}
