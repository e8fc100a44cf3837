import type { Random, Scheduler } from '../base/index.ts';
import type { Budget } from './budget.ts';
import type { Heads } from './heads.ts';
import type { Pass } from './pass.ts';
import type { WatchSource } from './source.ts';
import type { Stream } from './stream.ts';
import type { Watcher } from './watcher.ts';

/** The watch id of a progress answer for all watchers of a stream. */
const ALL_WATCHES = -1;
/** etcd's lowest interval, and its jitter: streams that began together do not tick together. */
const INTERVAL_MIN_MS = 100;
const JITTER = 0.1;

export interface ProgressHost {
  readonly source: WatchSource;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly budget: Budget;
  readonly heads: Heads;
  /** Where synced watchers are. */
  readonly live: Pass;
  /** Everything committed has been delivered to all live watchers: a progress now overtakes no event. */
  readonly isSettled: boolean;
  /** `step` has work. */
  wake(): void;
}

/** Says how far watchers are, asked or by the clock, in the same order as the events. */
export class Progress {
  readonly #host: ProgressHost;
  readonly #intervalMs: number;
  /** Streams that asked while events were being delivered. */
  readonly #asked = new Set<Stream>();
  /** Streams whose tick has come, with the watchers not looked at yet. */
  readonly #ticking = new Map<Stream, Iterator<Watcher>>();

  constructor(host: ProgressHost, intervalMs: number) {
    this.#host = host;
    this.#intervalMs = Math.max(intervalMs, INTERVAL_MIN_MS);
  }

  get hasWork(): boolean {
    return this.#asked.size > 0 || this.#ticking.size > 0;
  }

  /**
   * A progress request. It is answered only if the stream is synced, and dropped otherwise. When events are just being
   * sent, or the transport is full, that is judged when they have been, or when it has room.
   */
  request(stream: Stream): void {
    if (this.#host.isSettled && stream.isReady) {
      this.#answer(stream);
    } else if (stream.isSynced(this.#host.source.revision())) {
      stream.isProgressWanted = true;
      if (stream.isReady) this.#ask(stream);
    }
  }

  /** The stream's transport has room. */
  ready(stream: Stream): void {
    if (stream.isProgressWanted) this.#ask(stream);
  }

  /** Starts the stream's clock, once. */
  startTicks(stream: Stream): void {
    if (stream.cancelTick !== undefined || stream.isClosed) return;
    const intervalMs = this.#intervalMs * (1 + JITTER * this.#host.random.next());
    const tick = (): void => {
      stream.cancelTick = this.#host.scheduler.after(intervalMs, tick);
      // The last tick is not over yet: one is enough.
      if (this.#ticking.has(stream)) return;
      this.#ticking.set(stream, stream.notified.values());
      this.#host.wake();
    };
    stream.cancelTick = this.#host.scheduler.after(intervalMs, tick);
  }

  closed(stream: Stream): void {
    this.#asked.delete(stream);
    this.#ticking.delete(stream);
  }

  /** Call only when settled. */
  step(): void {
    const { budget } = this.#host;
    for (const stream of this.#asked) {
      if (budget.isSpent) return;
      budget.step();
      this.#asked.delete(stream);
      if (!stream.isReady) continue;
      stream.isProgressWanted = false;
      this.#answer(stream);
    }
    for (const [stream, watchers] of this.#ticking) {
      for (let item = watchers.next(); item.done !== true; item = watchers.next()) {
        this.#tick(stream, item.value);
        if (budget.step()) return; // The iterator keeps the place.
      }
      this.#ticking.delete(stream);
    }
  }

  #ask(stream: Stream): void {
    this.#asked.add(stream);
    this.#host.wake();
  }

  #answer(stream: Stream): void {
    const revision = this.#host.live.next - 1;
    if (!stream.isSynced(revision)) return;
    stream.respond([this.#host.heads.other(revision, { watchId: ALL_WATCHES })]);
  }

  /** A watcher hears of its progress when it is synced and has had no event since the last tick. */
  #tick(stream: Stream, watcher: Watcher): void {
    const revision = this.#host.live.next - 1;
    const isSynced = watcher.pass === this.#host.live && watcher.startRevision <= revision;
    if (watcher.isQuiet && isSynced && stream.isReady) {
      stream.respond([this.#host.heads.other(revision, { watchId: watcher.id })]);
    }
    watcher.isQuiet = true;
  }
}
