import type { Draft } from './appender.ts';
import type { Record } from './records.ts';
import type { Settlement } from './settler.ts';
import type { Outcome, Waiter } from './target.ts';

/** Proposals that are committed together, and the calls that wait for them. */
export class Group {
  readonly records: { readonly record: Record; readonly chunkIndex: number }[] = [];
  /** Set when the group is closed. */
  drafts: readonly Draft[] = [];
  bytes = 0;
  readonly #waiters: Waiter[] = [];
  /** For each waiter: the tick at which it began to wait, times two, plus one if it has written something. */
  readonly #marks: number[] = [];
  #told = 0;

  get isWaitedFor(): boolean {
    return this.#told < this.#waiters.length;
  }

  wait(waiter: Waiter, tick: number, hasWritten: boolean): void {
    this.#waiters.push(waiter);
    this.#marks.push(tick * 2 + (hasWritten ? 1 : 0));
  }

  /** Tells everybody: who has written `written`, the others `unwritten`. */
  tell(written: Outcome, unwritten: Outcome): void {
    while (this.isWaitedFor) this.#tellNext(written, unwritten);
  }

  /** The epoch is over, and this became of the group: tells everybody. */
  end(outcome: Settlement): void {
    if (outcome === 'unknown' || outcome === 'forgotten') this.tell('timed-out', 'timed-out');
    else this.tell(outcome === 'lost' ? 'leader-changed' : 'committed', 'leader-changed');
  }

  /**
   * The group is committed: tells everybody in order, and stops in front of the first who has written nothing once the
   * lease is gone. Returns whether all have been told.
   */
  acknowledge(lease: { holds(): boolean }): boolean {
    while (this.isWaitedFor) {
      if (this.#marks[this.#told]! % 2 === 0 && !lease.holds()) return false;
      this.#tellNext('committed', 'committed');
    }
    return true;
  }

  /** Gives up on those who have waited since `tick` or longer. They are in order of age. */
  expire(tick: number, written: Outcome): void {
    while (this.isWaitedFor && this.#marks[this.#told]! < (tick + 1) * 2)
      this.#tellNext(written, 'timed-out');
  }

  #tellNext(written: Outcome, unwritten: Outcome): void {
    const at = this.#told++;
    this.#waiters[at]!.settled(this.#marks[at]! % 2 === 1 ? written : unwritten);
  }
}
