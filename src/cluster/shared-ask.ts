import { DueTimer } from '../base/index.ts';
import type { Cancel, Clock, Scheduler } from '../base/index.ts';
import type { StoreErrorCode } from '../store/index.ts';

export interface SharedAskOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Sends a question. Its answer comes by `answered` with this id, in the same turn at the earliest. */
  readonly send: (id: number) => void;
  /** Who has waited so long is refused with `Timeout`. */
  readonly timeoutMs: number;
  /** More than so many at once are refused with `TooManyRequests`. */
  readonly askersMax: number;
  /**
   * A question that so many shared is followed by the next one not before `pacedMs` after it was sent: where many ask, few
   * questions serve them all. @default never
   */
  readonly pacedFrom?: number;
  /** @default 1 */
  readonly pacedMs?: number;
  /** A planted fault: who comes while a question is under way shares its answer. */
  readonly joins?: boolean;
}

interface Asker<T> {
  readonly done: (answer: T | StoreErrorCode) => void;
  readonly untilMs: number;
}

/**
 * One question serves all who came before it was sent.
 *
 * 1. Nobody gets the answer to a question that was sent before they asked: who comes while one is under way waits for the
 *    next.
 * 2. One question is under way at a time, and none longer than `timeoutMs`.
 * 3. Everybody is told exactly once, never inside `ask`.
 */
export class SharedAsk<T> {
  readonly #options: SharedAskOptions;
  /** All came before those who wait. */
  #underWay: Asker<T>[] | undefined;
  #waiting: Asker<T>[] = [];
  #lastId = 0;
  #lost = 0;
  #timeouts = 0;
  #sentMs = 0;
  #isOpen = false;
  #isDue = false;
  #isClosed = false;
  #cancelPause: Cancel | undefined;
  readonly #timer: DueTimer;

  constructor(options: SharedAskOptions) {
    this.#options = options;
    const { clock, scheduler } = options;
    this.#timer = new DueTimer({
      ...{ clock, scheduler },
      firstDueMs: () => (this.#underWay?.[0] ?? this.#waiting[0])?.untilMs,
      expire: (nowMs) => this.#expire(nowMs),
    });
  }

  /** The id of the question that was sent last; 0 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Questions that were given up, or had no answer. */
  get lost(): number {
    return this.#lost;
  }

  /** Askers that were refused with `Timeout`. */
  get timeouts(): number {
    return this.#timeouts;
  }

  ask(done: (answer: T | StoreErrorCode) => void): void {
    const { clock, scheduler, timeoutMs, askersMax, joins } = this.#options;
    if (this.#isClosed) return scheduler.soon(() => done('Stopped'));
    const count = this.#waiting.length + (this.#underWay?.length ?? 0);
    if (count >= askersMax) return scheduler.soon(() => done('TooManyRequests'));
    const asker = { done, untilMs: clock.nowMs() + timeoutMs };
    if (joins === true && this.#underWay !== undefined) this.#underWay.push(asker);
    else this.#waiting.push(asker);
    this.#timer.arm();
    this.#schedule();
  }

  /** Questions can be sent from now on. */
  open(): void {
    this.#isOpen = true;
    this.#endPause();
    this.#schedule();
  }

  /** No question can be sent until `open`. The one under way will not be answered: who shares it waits for the next. */
  shut(): void {
    this.#isOpen = false;
    this.#endPause();
    this.#takeBack();
  }

  /** The answer to a question; one that is not under way any more has no effect. */
  answered(id: number, answer: T | StoreErrorCode): void {
    if (!this.#isUnderWay(id)) return;
    const askers = this.#underWay ?? [];
    this.#underWay = undefined;
    this.#pace(askers.length);
    for (const { done } of askers) done(answer);
    this.#schedule();
  }

  /** A question has no answer; after `pauseMs` another is sent, also for those who have come meanwhile. */
  unanswered(id: number, pauseMs: number): void {
    if (!this.#isUnderWay(id)) return;
    this.#takeBack();
    this.#pause(pauseMs);
  }

  /** Refuses all with `Stopped`, those who come later too. */
  close(): void {
    this.shut();
    this.#isClosed = true;
    this.#timer.stop();
    for (const { done } of this.#waiting.splice(0)) done('Stopped');
  }

  #isUnderWay(id: number): boolean {
    return this.#underWay !== undefined && id === this.#lastId;
  }

  #takeBack(): void {
    if (this.#underWay === undefined) return;
    this.#lost++;
    this.#waiting = [...this.#underWay, ...this.#waiting];
    this.#underWay = undefined;
  }

  #pace(shared: number): void {
    const { clock, pacedFrom = Infinity, pacedMs = 1 } = this.#options;
    if (shared < pacedFrom) return;
    const leftMs = this.#sentMs + pacedMs - clock.nowMs();
    if (leftMs > 0) this.#pause(leftMs);
  }

  #pause(pauseMs: number): void {
    this.#cancelPause = this.#options.scheduler.after(pauseMs, () => {
      this.#cancelPause = undefined;
      this.#schedule();
    });
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  /** Not before the next turn, so that all of one turn share a question. */
  #schedule(): void {
    if (this.#isDue || !this.#canSend()) return;
    this.#isDue = true;
    this.#options.scheduler.soon(() => {
      this.#isDue = false;
      if (this.#canSend()) this.#send();
    });
  }

  #canSend(): boolean {
    if (!this.#isOpen || this.#cancelPause !== undefined) return false;
    return this.#underWay === undefined && this.#waiting.length > 0;
  }

  #send(): void {
    this.#underWay = this.#waiting;
    this.#waiting = [];
    this.#sentMs = this.#options.clock.nowMs();
    this.#options.send(++this.#lastId);
  }

  #expire(nowMs: number): void {
    const isLate = (asker: Asker<T>): boolean => asker.untilMs <= nowMs;
    const late = [...(this.#underWay ?? []), ...this.#waiting].filter(isLate);
    if (late.length === 0) return;
    this.#timeouts += late.length;
    this.#waiting = this.#waiting.filter((asker) => !isLate(asker));
    // A question that nobody waits for any more is given up: it must not keep the next one back.
    const asked = this.#underWay?.filter((asker) => !isLate(asker));
    this.#underWay = asked?.length === 0 ? undefined : asked;
    for (const { done } of late) done('Timeout');
    this.#schedule();
  }
}
