import type { BackoffLimits, Clock, Logger, Random, Scheduler } from '../base/index.ts';
import { backoffMs, eitherSignal, pause } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import { LogError } from '../log/index.ts';
import type { Store, StoreErrorCode } from '../store/index.ts';
import type { PeerChunk } from '../wire/peer-message.ts';
import { isCorruption } from './corruption.ts';
import { planted } from './faults.ts';
import type { ClusterFaults } from './faults.ts';
import { bytesOf, ReceivedCommits } from './received-commits.ts';

/** Commits that wait for what is before them, in bytes; more are dropped, and read from the engine later. */
const RECEIVED_BYTES_MAX = 64 * 1024 * 1024;
/** So much of what was received is applied in one turn. */
const APPLIED_COMMITS_MAX = 128;
const APPLIED_BYTES_MAX = 1024 * 1024;
/** Readers that wait for what is not applied yet; more are refused. */
const READERS_MAX = 65_536;
const RETRY: BackoffLimits = { firstMs: 20, maxMs: 1000 };
/** Readers that have waited too long are looked for so often. */
const TICK_MS = 250;

export interface FollowerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly faults: ClusterFaults;
  /** A reader that waits for what is not here after this is refused. */
  readonly requestTimeoutMs: number;
  /** @default 64 MiB */
  readonly receivedBytesMax?: number;
  /** @default 65,536 */
  readonly readersMax?: number;
  /** A sweep has passed what is not applied yet: only a state that begins anew can go on. */
  readonly swept: () => void;
  /** What is stored is less than what is applied, or other, or damaged: nothing more is applied. */
  readonly corrupt: (error: LogError) => void;
  /** The log cannot be gone on with by this program: a newer one has written it. */
  readonly failed: (error: unknown) => void;
}

interface Reader {
  readonly sequence: number;
  readonly untilMs: number;
  readonly done: (refusal: StoreErrorCode | undefined) => void;
}

/**
 * Keeps the store of a node that follows on a par with the leader.
 *
 * 1. A commit is applied when it is whole, when what is before it is applied, and when a leader has announced it.
 * 2. What was announced and is neither here nor applied is a gap, because pushes come in order and before their
 *    announcement: it is read from the engine.
 */
export class Follower {
  readonly #options: FollowerOptions;
  #announced = 0;
  readonly #received = new ReceivedCommits();
  /** More of what was received is applied in the next turn. */
  #isDue = false;
  #readers: Reader[] = [];
  /** What any of them waits for at least. */
  #lowest = Infinity;
  #isTicking = false;
  #isRetired = false;
  /** Ends what waits; undefined while this node does not follow. */
  #following: AbortController | undefined;
  #catchingUp: Promise<void> | undefined;
  /** Ends the pause before the next attempt to read from the engine. */
  #pausing = new AbortController();
  /** That pause waits for more to be announced, and not for an engine that has failed. */
  #wakesOnNews = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    options.store.onCommit(() => {
      if (this.#readers.length > 0) this.#answer();
    });
  }

  /** From now on the store is this one's to write to. */
  start(): void {
    if (this.#following !== undefined || this.#isRetired) return;
    this.#following = new AbortController();
    if (planted(this.#options.faults, 'show-unannounced')) this.#announced = Infinity;
    this.#advance();
  }

  /** Ends when nothing is written to the store any more. */
  async stop(): Promise<void> {
    this.#following?.abort();
    this.#following = undefined;
    this.#received.clear();
    await this.#catchingUp;
  }

  /** Another store takes the place of this one: who waits for it is refused. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    const waiting = this.#readers;
    this.#keep([]);
    for (const { done } of waiting) done('Timeout');
    await this.stop();
  }

  /** A whole commit, behind those that were pushed before. */
  commit(chunks: readonly PeerChunk[]): void {
    if (this.#following === undefined) return;
    this.#received.push(chunks);
    const { receivedBytesMax = RECEIVED_BYTES_MAX } = this.#options;
    if (this.#received.bytes > receivedBytesMax) this.#received.clear();
    this.#advance();
  }

  /** A leader that holds its lease has committed everything up to here. */
  announce(sequence: number): void {
    if (sequence > this.#announced && this.#wakesOnNews) this.#pausing.abort();
    this.#announced = Math.max(this.#announced, sequence);
    this.#options.store.announce(sequence);
    if (this.#readers.length > 0) this.#answer();
    this.#advance();
  }

  /** `done` is told, at once or later, when everything up to `sequence` is applied and may be shown. */
  whenApplied(sequence: number, done: (refusal: StoreErrorCode | undefined) => void): void {
    if (this.#isRetired) return done('Timeout');
    const isByRevision = planted(this.#options.faults, 'read-index-by-revision');
    // What a leader answered is an announcement.
    if (!isByRevision && sequence > this.#announced && this.#following !== undefined) this.announce(sequence);
    if (this.#isApplied(sequence)) return done(undefined);
    const { clock, requestTimeoutMs, readersMax = READERS_MAX } = this.#options;
    if (this.#readers.length >= readersMax) return done('TooManyRequests');
    this.#lowest = Math.min(this.#lowest, sequence);
    this.#readers.push({ sequence, untilMs: clock.nowMs() + requestTimeoutMs, done });
    this.#tick();
  }

  #isApplied(sequence: number): boolean {
    const { store, faults } = this.#options;
    if (planted(faults, 'read-index-by-revision')) return store.readable && store.revision >= sequence;
    return store.readable && store.sequence >= sequence;
  }

  #answer(): void {
    if (!this.#isApplied(this.#lowest)) return;
    const isReady = ({ sequence }: Reader): boolean => this.#isApplied(sequence);
    const ready = this.#readers.filter(isReady);
    this.#keep(this.#readers.filter((reader) => !isReady(reader)));
    for (const { done } of ready) done(undefined);
  }

  #keep(readers: Reader[]): void {
    this.#readers = readers;
    this.#lowest = readers.reduce((lowest, { sequence }) => Math.min(lowest, sequence), Infinity);
  }

  #tick(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#options.scheduler.after(TICK_MS, () => {
      this.#isTicking = false;
      const nowMs = this.#options.clock.nowMs();
      const late = this.#readers.filter(({ untilMs }) => untilMs <= nowMs);
      this.#keep(this.#readers.filter(({ untilMs }) => untilMs > nowMs));
      for (const { done } of late) done('TimeoutWaitAppliedIndex');
      if (this.#readers.length > 0) this.#tick();
    });
  }

  /** Applies what can be, and reads what is missing. */
  #advance(): void {
    if (this.#following === undefined) return;
    if (this.#catchingUp !== undefined) {
      // What closes the gap may come before the engine answers again.
      if (this.#isContinued()) this.#pausing.abort();
      return;
    }
    const { store } = this.#options;
    try {
      this.#applyReceived();
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      // The bytes came otherwise than they were committed: the engine has them as they are.
      this.#options.logger.warn('cannot apply what the leader has pushed, it is read from the engine', {
        error,
      });
      this.#received.clear();
    }
    // Who was told of a commit may have ended this.
    const following = this.#isFollowing();
    if (following === undefined || store.sequence >= this.#announced) return;
    if (this.#isContinued()) return;
    this.#catchingUp = this.#catchUp(following.signal).finally(() => {
      this.#catchingUp = undefined;
      this.#advance();
    });
  }

  #isFollowing(): AbortController | undefined {
    return this.#following;
  }

  #applyReceived(): void {
    const { store } = this.#options;
    let commits = 0;
    let bytes = 0;
    while (!this.#isDue && this.#isContinued()) {
      const chunks = this.#received.first ?? [];
      if ((chunks.at(-1)?.sequence ?? 0) > this.#announced) return;
      if (commits++ === APPLIED_COMMITS_MAX || bytes >= APPLIED_BYTES_MAX) return this.#applyLater();
      bytes += bytesOf(chunks);
      this.#received.shift();
      store.apply(chunks.map(asStored));
    }
  }

  /** Calls that came meanwhile go first. */
  #applyLater(): void {
    this.#isDue = true;
    this.#options.scheduler.soon(() => {
      this.#isDue = false;
      this.#advance();
    });
  }

  /** Whether what was received goes on from what is applied: then there is no gap. */
  #isContinued(): boolean {
    const { sequence } = this.#options.store;
    while ((this.#received.first?.at(-1)?.sequence ?? Infinity) <= sequence) this.#received.shift();
    const first = this.#received.first?.[0];
    return first !== undefined && first.sequence <= sequence + 1;
  }

  /** Never rejects, but with a bug. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const { store, scheduler, random } = this.#options;
    let attempt = 0;
    while (!signal.aborted && store.sequence < this.#announced && !this.#isContinued()) {
      const before = store.sequence;
      this.#wakesOnNews = true;
      try {
        await store.catchUp(this.#announced);
      } catch (error) {
        this.#wakesOnNews = false;
        if (this.#isOver(error, attempt)) {
          this.#following = undefined;
          return;
        }
      }
      // Without progress the next chunk reaches beyond what is announced, which is known better soon.
      attempt = store.sequence > before ? 0 : attempt + 1;
      if (attempt === 0) continue;
      this.#pausing = new AbortController();
      const ended = eitherSignal(signal, this.#pausing.signal);
      await pause(scheduler, backoffMs(random, RETRY, attempt - 1), ended);
    }
  }

  /** Whether this store cannot be gone on with; what stands in the way of it now is tried again. */
  #isOver(error: unknown, attempt: number): boolean {
    const { logger, swept, corrupt, failed } = this.#options;
    if (error instanceof LogError) {
      if (isCorruption(error)) corrupt(error);
      else if (error.code === 'log-swept') swept();
      else if (error.code !== 'log-stopped') failed(error);
      return true;
    }
    if (!(error instanceof EngineError)) throw error;
    if (error.code === 'closed') return true;
    if (attempt === 0) logger.warn('cannot catch up with the leader, it is tried again', { error });
    return false;
  }
}

function asStored({ sequence, bytes }: PeerChunk): { sequence: number; bytes: Buffer } {
  return { sequence, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) };
}
