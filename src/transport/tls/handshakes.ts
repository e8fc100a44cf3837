import { performance } from 'node:perf_hooks';

/** A piece of work for a new connection. What it leaves to the next tick counts as its own. */
export type HandshakeWork = () => void;

export interface HandshakesOptions {
  /**
   * So long may a turn of the event loop last in which work is done; at least one piece of work is always done. What
   * others have made of the turn counts, but for so much that `workMsMin` are left.
   */
  readonly turnMsMax?: number;
  readonly workMsMin?: number;
  /** Pieces of work that wait for their turn at most; more are refused. */
  readonly waitingMax?: number;
  /** Handshakes that may wait for their clients at a time before others begin, each for no longer than `youngMs`. */
  readonly youngMax?: number;
  readonly youngMs?: number;
}

/**
 * A handshake costs 1 ms of signing with a key of 2048 bits, 7 ms with one of 4096. At this share of each turn, four
 * hundred clients that come at once are let in within a second, and others do not notice.
 */
const defaultTurnMsMax = 5;

/** On a server that is busy, too, its clients come back: this lets them in. */
const defaultWorkMsMin = 1;
const defaultWaitingMax = 4096;

/**
 * What clients answer is read as it comes: if all of these answer at once, verifying them takes 10 to 20 ms; the next
 * turns begin fewer then. A client that takes longer does not hold others up: it is one that answers by itself.
 */
const defaultYoungMax = 32;
const defaultYoungMs = 200;

/**
 * Spreads the work for clients that come at once over turns of the event loop, in the order in which they came.
 *
 * 1. A turn does work until `turnMsMax` have passed since its work was due, whatever keys cost and answers took.
 * 2. While work waits, every turn does some, unless `youngMax` handshakes were begun within `youngMs` and are not done.
 */
export class Handshakes {
  readonly #options: Required<HandshakesOptions>;
  readonly #waiting: HandshakeWork[] = [];
  #young = 0;
  #isScheduled = false;
  #turnBeganMs = 0;

  constructor(options: HandshakesOptions = {}) {
    this.#options = {
      turnMsMax: options.turnMsMax ?? defaultTurnMsMax,
      workMsMin: options.workMsMin ?? defaultWorkMsMin,
      waitingMax: options.waitingMax ?? defaultWaitingMax,
      youngMax: options.youngMax ?? defaultYoungMax,
      youngMs: options.youngMs ?? defaultYoungMs,
    };
  }

  /** False, and nothing happens, when too much waits. */
  add(work: HandshakeWork): boolean {
    if (this.#waiting.length >= this.#options.waitingMax) return false;
    this.#waiting.push(work);
    this.#schedule();
    return true;
  }

  /** A handshake begins, and waits for its client until the function is called that this gives. */
  begin(): () => void {
    this.#young++;
    let isYoung = true;
    const end = (): void => {
      if (!isYoung) return;
      isYoung = false;
      clearTimeout(timer);
      this.#young--;
      this.#schedule();
    };
    const timer = setTimeout(end, this.#options.youngMs);
    timer.unref();
    return end;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    // From now on the loop does not sleep: the time until then is what others compute.
    const dueMs = performance.now();
    setImmediate(() => this.#turn(dueMs));
  }

  #turn(dueMs: number): void {
    const { turnMsMax, workMsMin } = this.#options;
    this.#isScheduled = false;
    this.#turnBeganMs = Math.max(dueMs, performance.now() - Math.max(0, turnMsMax - workMsMin));
    this.#next();
  }

  readonly #next = (): void => {
    if (this.#young >= this.#options.youngMax) return;
    const work = this.#waiting.shift();
    if (work === undefined) return;
    work();
    // Ticks run in order: this one runs when that work is done, so that its time is counted.
    process.nextTick(this.#goOn);
  };

  readonly #goOn = (): void => {
    if (this.#waiting.length === 0) return;
    if (performance.now() - this.#turnBeganMs < this.#options.turnMsMax) this.#next();
    else this.#schedule();
  };
}
