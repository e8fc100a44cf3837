/** Time as the core rooms see it. They read no other clock, so that the simulator can own time. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start; may have a fraction; never goes back. */
  nowMs(): number;
}

/** Cancels what was scheduled; harmless when it has run or has been cancelled already. */
export type Cancel = () => void;

/** The only source of later turns of the event loop for the core rooms. */
export interface Scheduler {
  /** Runs `run` in a later turn of the event loop, after the I/O that is ready now. */
  soon(run: () => void): void;
  /** Runs `run` once, not before `delayMs` have passed. Does not keep a process alive by itself. */
  after(delayMs: number, run: () => void): Cancel;
}
