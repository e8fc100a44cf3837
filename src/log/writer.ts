import type { Arena, Clock, Logger, Random, Scheduler } from '../base/index.ts';
import type { Engine, Write } from '../engine/index.ts';
import type { LogFaults } from './faults.ts';
import type { Head } from './head.ts';
import type { LogKeys } from './keys.ts';
import type { LogLimits } from './limits.ts';
import type { LogMap } from './log-map.ts';
import type { Record, RecordKind } from './records.ts';
import type { CommitListener, Waiter } from './target.ts';

export interface LogWriterOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly arena: Arena;
  readonly map: LogMap;
  readonly epoch: number;
  readonly head: Head;
  readonly headBytes: Uint8Array | undefined;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly lease: { holds(): boolean };
  readonly listener: CommitListener;
  readonly limits?: Partial<LogLimits>;
  readonly logger: Logger;
  readonly faults?: LogFaults;
}

/**
 * How a take-over ended. `leading`: the epoch has begun. `behind`: an older leader appended meanwhile; replay from the
 * sequence reached so far, and make a new writer. `deposed`: a higher epoch has begun.
 */
export type TakeOver = 'leading' | 'behind' | 'deposed';

/** An uncertain commit is being sent again. */
export interface Doubt {
  readonly sinceMs: number;
  readonly cause: Error;
}

export declare class LogWriter {
  constructor(options: LogWriterOptions);
  readonly epoch: number;
  get head(): Head;
  /** True from the end of a take-over until the epoch is over or `stop` was called. Only then may anything be appended. */
  get leading(): boolean;
  get proposedRevision(): number;
  get proposedBytes(): number;
  get doubt(): Doubt | undefined;
  segment: number;
  bodyOffset: number;
  bodyLength: number;
  start(): Promise<TakeOver>;
  fits(bytes: number, entries?: number): boolean;
  separate(): void;
  put(
    revision: number,
    sub: number,
    key: Uint8Array,
    createRevision: number,
    version: number,
    value: Uint8Array,
    lease: bigint,
  ): void;
  remove(revision: number, sub: number, key: Uint8Array): void;
  record(record: Record): void;
  seal(waiter: Waiter): void;
  barrier(waiter: Waiter): void;
  release(): void;
  hasPending(kind: RecordKind): boolean;
  pendingRecords(): Iterable<Record>;
  commitCleaning(writes: readonly Write[]): Promise<boolean>;
  depose(): void;
  stop(): Promise<void>;
}
