import type { Clock, Scheduler } from '../base/index.ts';
import type { StoreErrorCode } from '../store/index.ts';
import { NO_FAULTS, planted } from './faults.ts';
import type { ClusterFaults } from './faults.ts';
import type { LeaderMessageOf, LeaderWay } from './leader-link.ts';
import { SharedAsk } from './shared-ask.ts';

/** After an answer that the leadership could not be confirmed. */
const RETRY_MS = 20;
const ASKERS_MAX = 65_536;
/** A question costs both nodes some 30 us: where so many share one, there is no more than one a millisecond. */
const PACED_FROM = 8;

/**
 * Tells, at once or later, the committed sequence of this node that leads, confirmed after the call; undefined: it does
 * not lead (any more).
 */
export type LocalIndex = (done: (sequence: number | undefined) => void) => void;

export interface ReadIndexOptions {
  readonly link: LeaderWay;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly requestTimeoutMs: number;
  /** @default 65,536 */
  readonly askersMax?: number;
  readonly faults?: ClusterFaults;
}

/**
 * The follower's side of the read index (design.md 2): what the leader had committed when it was asked. One question
 * serves all who came before it was sent; nobody joins one under way. When a link ends, the next one is asked.
 */
export class ReadIndexAsker {
  readonly #link: LeaderWay;
  readonly #ask: SharedAsk<number>;
  #local: LocalIndex | undefined;

  constructor(options: ReadIndexOptions) {
    const { link, clock, scheduler, requestTimeoutMs, askersMax = ASKERS_MAX, faults = NO_FAULTS } = options;
    this.#link = link;
    this.#ask = new SharedAsk({
      ...{ clock, scheduler, askersMax, timeoutMs: requestTimeoutMs, pacedFrom: PACED_FROM },
      send: (id) => this.#send(id),
      joins: planted(faults, 'join-read-index'),
    });
  }

  /** Questions to which no leader gave a sequence: it could not confirm that it leads, or the link ended. */
  get failed(): number {
    return this.#ask.lost;
  }

  /** Who asked and was refused with `Timeout`. */
  get timeouts(): number {
    return this.#ask.timeouts;
  }

  /**
   * `done` comes later: with the sequence that a leader had committed at a time after this call, which is an announcement
   * too; or with `Timeout`, `TooManyRequests`, or `Stopped`.
   */
  ask(done: (answer: number | StoreErrorCode) => void): void {
    this.#ask.ask(done);
  }

  linkReady(): void {
    if (this.#local === undefined) this.#ask.open();
  }

  linkEnded(): void {
    if (this.#local === undefined) this.#ask.shut();
  }

  answered({ id, sequence }: LeaderMessageOf<'index'>): void {
    if (this.#local !== undefined) return;
    if (id > this.#ask.lastId) return this.#link.fail('it answers a question that was not asked');
    if (sequence === undefined) this.#ask.unanswered(id, RETRY_MS);
    else this.#ask.answered(id, sequence);
  }

  /** This node leads, and answers itself; undefined: no longer. */
  serveLocally(local: LocalIndex | undefined): void {
    this.#ask.shut();
    this.#local = local;
    if (local !== undefined || this.#link.isReady) this.#ask.open();
  }

  /** Refuses all with `Stopped`. */
  close(): void {
    this.#ask.close();
  }

  #send(id: number): void {
    if (this.#local !== undefined) {
      this.#local((sequence) => {
        if (sequence === undefined) this.#ask.unanswered(id, RETRY_MS);
        else this.#ask.answered(id, sequence);
      });
    } else if (this.#link.isReady) this.#link.send({ kind: 'readIndex', id });
    else this.#ask.shut();
  }
}
