import type { Cancel, Clock, Scheduler } from '../../base/index.ts';
import { encodePing, type Ping } from '../../wire/index.ts';
import type { PeerFigures } from './peer-traffic.ts';

/** etcd's members ask one another about as often. */
const PING_MS = 5000;

export interface LinkPingsParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Whether the way has room: what only measures it does not wait in it. */
  readonly hasRoom: () => boolean;
  readonly send: (bytes: Buffer) => void;
}

/**
 * Measures how long a question and its answer take on one link, all that waits before them included; answers those of the
 * other side. One question is under way at a time. A node of an earlier version does not answer: then nothing is measured.
 */
export class LinkPings {
  readonly #parts: LinkPingsParts;
  #figures: PeerFigures | undefined;
  #lastId = 0;
  /** When the question under way was sent. */
  #sentMs: number | undefined;
  /** What the other side has asked while the way was full. */
  #owed: number | undefined;
  #cancel: Cancel | undefined;

  constructor(parts: LinkPingsParts) {
    this.#parts = parts;
  }

  /** The link stands, to the node of these figures. */
  start(figures: PeerFigures): void {
    this.#figures = figures;
    this.#ask();
  }

  stop(): void {
    this.#cancel?.();
    this.#figures = undefined;
  }

  received({ kind, id }: Ping): void {
    const { clock, hasRoom, send } = this.#parts;
    if (kind === 'ping') {
      if (hasRoom()) send(encodePing({ kind: 'pong', id }));
      else this.#owed = id;
      return;
    }
    // An answer to nothing that was asked is none.
    if (this.#sentMs === undefined || id !== this.#lastId) return;
    this.#figures?.roundTrips.observe((clock.nowMs() - this.#sentMs) / 1000);
    this.#sentMs = undefined;
  }

  /** There is room again. */
  drained(): void {
    if (this.#owed === undefined || !this.#parts.hasRoom()) return;
    this.#parts.send(encodePing({ kind: 'pong', id: this.#owed }));
    this.#owed = undefined;
  }

  #ask(): void {
    const { clock, scheduler, hasRoom, send } = this.#parts;
    this.#cancel = scheduler.after(PING_MS, () => this.#ask());
    if (this.#sentMs !== undefined || !hasRoom()) return;
    this.#sentMs = clock.nowMs();
    send(encodePing({ kind: 'ping', id: ++this.#lastId }));
  }
}
