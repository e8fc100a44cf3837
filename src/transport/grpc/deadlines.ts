import type { Cancel, Clock, Scheduler } from '../../base/index.ts';

/** What happens when a deadline is reached. */
export interface Timed {
  expire(): void;
}

/** A deadline that waits. An entry of a list: a call adds and removes one, with no timer of its own. */
export interface Deadline {
  /** Milliseconds of the clock that the wheel was given. */
  readonly atMs: number;
  readonly timed: Timed;
  slot: number;
  next: Deadline | undefined;
  previous: Deadline | undefined;
}

/** Never early, and at most this late (and as late as the event loop is). */
const slotMs = 4;
/** One turn of the wheel is about eight seconds; what is due later stays in its slot for further turns. */
const slots = 2048;
/** Node's timers take at most 2^31 - 1 ms; a wheel wakes up at least once a turn anyway. */
const turnMs = slotMs * slots;

/**
 * The deadlines of all calls of a server: a wheel of lists. Adding and removing cost a few assignments; one timer is set
 * for the first slot that holds something.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #heads: (Deadline | undefined)[] = Array.from<undefined>({ length: slots });
  #count = 0;
  /** Slots (counted from the clock's zero, not wrapped) below this have been served. */
  #served: number;
  #timer: Cancel | undefined;
  #timerSlot = Infinity;

  constructor(clock: Clock, scheduler: Scheduler) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#served = Math.floor(clock.nowMs() / slotMs);
  }

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  add(atMs: number, timed: Timed): Deadline {
    // Rounded up: a deadline is never early.
    const due = Math.max(Math.ceil(atMs / slotMs), this.#served);
    const slot = due % slots;
    const head = this.#heads[slot];
    const deadline: Deadline = { atMs, timed, slot, next: head, previous: undefined };
    if (head !== undefined) head.previous = deadline;
    this.#heads[slot] = deadline;
    if (this.#count++ === 0) this.#served = Math.min(due, Math.floor(this.#clock.nowMs() / slotMs));
    if (due < this.#timerSlot) this.#wakeAt(due);
    return deadline;
  }

  /** Takes it out, once. */
  remove(deadline: Deadline): void {
    if (deadline.slot < 0) return;
    const { next, previous, slot } = deadline;
    if (previous === undefined) this.#heads[slot] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    deadline.slot = -1;
    deadline.next = deadline.previous = undefined;
    this.#count--;
  }

  /** Forgets everything; nothing expires any more. */
  close(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#timerSlot = Infinity;
    this.#heads.fill(undefined);
    this.#count = 0;
  }

  #wakeAt(due: number): void {
    this.#timer?.();
    this.#timerSlot = due;
    const delayMs = Math.min(due * slotMs - this.#clock.nowMs(), turnMs);
    this.#timer = this.#scheduler.after(Math.max(delayMs, 1), () => this.#wake());
  }

  #wake(): void {
    this.#timer = undefined;
    this.#timerSlot = Infinity;
    const now = this.#clock.nowMs();
    const current = Math.floor(now / slotMs);
    // After a pause longer than a turn every slot is due once.
    const first = Math.max(this.#served, current - slots + 1);
    this.#served = current + 1;
    for (let slot = first; slot <= current; slot++) this.#expireSlot(slot % slots, now);
    if (this.#count === 0) return;
    // What ran may have added some and set the timer for them.
    const next = this.#nextSlot(current + 1);
    if (next < this.#timerSlot) this.#wakeAt(next);
  }

  #expireSlot(slot: number, now: number): void {
    let expired: Deadline[] | undefined;
    for (let each = this.#heads[slot]; each !== undefined; each = each.next) {
      if (each.atMs <= now) (expired ??= []).push(each);
    }
    // What runs may remove others of them.
    for (const each of expired ?? []) {
      if (each.slot < 0) continue;
      this.remove(each);
      each.timed.expire();
    }
  }

  /** The first slot from `from` on that holds something; it may be due in a later turn only. */
  #nextSlot(from: number): number {
    for (let slot = from; slot < from + slots; slot++) {
      if (this.#heads[slot % slots] !== undefined) return slot;
    }
    return from + slots;
  }
}
