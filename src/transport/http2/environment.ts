import { assert, type Cancel, type Clock, type Scheduler } from '../../base/index.ts';
import { BlockPool } from './block-pool.ts';
import { WINDOW_BYTES_INITIAL } from './frame.ts';
import type { Http2Handler } from './handler.ts';
import type { Http2Limits } from './limits.ts';

export interface Http2EnvironmentOptions {
  readonly handler: Http2Handler;
  readonly limits: Http2Limits;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** A handler or receiver threw, or the connection itself has a bug. */
  readonly onFault: (error: unknown, peer: string) => void;
  /** A connection is closed because its client broke a rule or a limit: for logs and metrics. */
  readonly onViolation: (code: number, message: string, peer: string) => void;
}

/** What is told the time, once a second. */
interface Ticking {
  tick(): void;
}
/** What has output for the end of the turn. */
interface Flushing {
  flush(): void;
}

const secondMs = 1000;

/** What all connections of a server share: the handler, the limits, a clock of seconds, and one flush for each turn. */
export class Http2Environment {
  readonly handler: Http2Handler;
  readonly limits: Http2Limits;
  readonly clock: Clock;
  readonly onFault: Http2EnvironmentOptions['onFault'];
  readonly onViolation: Http2EnvironmentOptions['onViolation'];
  readonly blocks = new BlockPool();
  /** Counts seconds while there are connections: time as limits need it, without a look at a clock for each frame. */
  second = 0;
  /** What may still be cut from bodies that wait before the next turn, so that large answers do not hold up others. */
  turnBytesLeft: number;
  readonly #scheduler: Scheduler;
  readonly #connections = new Set<Ticking>();
  #cancelTick: Cancel | undefined;
  #flushing: Flushing[] = [];
  readonly #runFlushes = (): void => this.#flushAll();

  constructor(options: Http2EnvironmentOptions) {
    // Smaller ones would have to be announced and acknowledged before they count.
    assert(options.limits.streamWindowBytes >= WINDOW_BYTES_INITIAL, 'windows are not below the initial one');
    assert(
      options.limits.connectionWindowBytes >= WINDOW_BYTES_INITIAL,
      'windows are not below the initial one',
    );
    this.handler = options.handler;
    this.limits = options.limits;
    this.clock = options.clock;
    this.turnBytesLeft = options.limits.turnBytesMax;
    this.onFault = options.onFault;
    this.onViolation = options.onViolation;
    this.#scheduler = options.scheduler;
  }

  /** Calls `flush` once, at the end of this turn of the event loop. */
  flushSoon(connection: Flushing): void {
    if (this.#flushing.length === 0) this.#scheduler.soon(this.#runFlushes);
    this.#flushing.push(connection);
  }

  /** Tells `connection` the time until it is removed. */
  add(connection: Ticking): void {
    this.#connections.add(connection);
    if (this.#cancelTick !== undefined) return;
    this.#scheduleTick();
  }

  remove(connection: Ticking): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  #flushAll(): void {
    const flushing = this.#flushing;
    this.#flushing = [];
    this.turnBytesLeft = this.limits.turnBytesMax;
    for (const connection of flushing) connection.flush();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#scheduler.after(secondMs, () => {
      this.#scheduleTick();
      this.#tick();
    });
  }

  /** A tick that comes late, after the process was stopped for a while, counts as one: nobody could send meanwhile. */
  #tick(): void {
    this.second++;
    for (const connection of this.#connections) connection.tick();
  }
}
