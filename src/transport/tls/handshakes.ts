import { performance } from 'node:perf_hooks';

/** Begins one handshake. The work is done in the next tick: Node reads what a socket holds then. */
export type BeginHandshake = () => void;

export interface HandshakesOptions {
  /** Time that one turn of the event loop may spend on handshakes that begin. Milliseconds; one is always begun. */
  readonly turnMsMax?: number;
  /** Handshakes that wait for their turn at most; more are refused. */
  readonly waitingMax?: number;
}

/**
 * A handshake costs 1 ms of signing with a key of 2048 bits, 7 ms with one of 4096. At this share of each turn, four
 * hundred clients that come at once are let in within a second, and others do not notice.
 */
const defaultTurnMsMax = 5;
const defaultWaitingMax = 4096;

/**
 * Spreads the handshakes of clients that come at once over turns of the event loop, in the order in which they came.
 *
 * 1. A turn begins handshakes until `turnMsMax` have passed since its first one, whatever keys cost.
 * 2. While some wait, every turn begins at least one.
 */
export class Handshakes {
  readonly #turnMsMax: number;
  readonly #waitingMax: number;
  readonly #waiting: BeginHandshake[] = [];
  #isScheduled = false;
  #turnBeganMs = 0;

  constructor({ turnMsMax = defaultTurnMsMax, waitingMax = defaultWaitingMax }: HandshakesOptions = {}) {
    this.#turnMsMax = turnMsMax;
    this.#waitingMax = waitingMax;
  }

  /** False, and nothing happens, when too many wait. */
  add(begin: BeginHandshake): boolean {
    if (this.#waiting.length >= this.#waitingMax) return false;
    this.#waiting.push(begin);
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    this.#turnBeganMs = performance.now();
    this.#next();
  }

  readonly #next = (): void => {
    const begin = this.#waiting.shift();
    if (begin === undefined) return;
    begin();
    // Ticks run in order: this one runs when that handshake's work is done, so that its time is counted.
    process.nextTick(this.#goOn);
  };

  readonly #goOn = (): void => {
    if (this.#waiting.length === 0) return;
    if (performance.now() - this.#turnBeganMs < this.#turnMsMax) this.#next();
    else this.#schedule();
  };
}
