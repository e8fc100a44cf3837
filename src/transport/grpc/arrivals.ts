import type { Cancel, Scheduler } from '../../base/index.ts';

/** A call whose request has not come whole yet: an entry of a list. */
export interface Arriving {
  next: Arriving | undefined;
  previous: Arriving | undefined;
  /** Its time is up. */
  late(): void;
}

/** A request has at least this long to come, and at most twice as long. */
export const arrivalMsMin = 60_000;

/** The ends of a list, so that its entries have neighbours always. */
class End implements Arriving {
  next: Arriving = this;
  previous: Arriving = this;

  late(): void {
    // Nobody waits for an end.
  }
}

/**
 * Calls whose request is under way. Nearly every request comes whole in one turn, so that adding and removing cost a few
 * assignments; two generations and one timer for all of them find those that do not come to an end.
 */
export class Arrivals {
  readonly #scheduler: Scheduler;
  #young = new End();
  #old = new End();
  #timer: Cancel | undefined;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  add(call: Arriving): void {
    const end = this.#young;
    const last = end.previous;
    call.previous = last;
    call.next = end;
    last.next = call;
    end.previous = call;
    if (this.#timer === undefined) this.#start();
  }

  /** Takes it out, if it is in. */
  remove(call: Arriving): void {
    const { next, previous } = call;
    if (next === undefined || previous === undefined) return;
    previous.next = next;
    next.previous = previous;
    call.next = call.previous = undefined;
  }

  close(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #start(): void {
    this.#timer = this.#scheduler.after(arrivalMsMin, () => this.#turn());
  }

  #turn(): void {
    this.#timer = undefined;
    const end = this.#old;
    for (let call = end.next; call !== end; call = end.next) {
      this.remove(call);
      call.late();
    }
    this.#old = this.#young;
    this.#young = end;
    if (this.#old.next !== this.#old) this.#start();
  }
}
