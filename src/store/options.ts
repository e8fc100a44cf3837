import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';
import type { ChunkFormats, CleanerOptions, LogFaults, LogLimits, LogWriterOptions } from '../log/index.ts';
import type { AutoCompactionOptions } from './auto-compaction.ts';
import type { StoreErrorCode } from './errors.ts';
import type { StoreLimits } from './limits.ts';

/** The engine's contract, as the log room knows it. */
export type Engine = LogWriterOptions['engine'];

/** Where a store that does not lead learns what it must have applied before it may answer. */
export interface ReadIndex {
  /** Also asked when this node leads: its lease alone is not trusted. */
  readonly always: boolean;
  /** Tells, later, that everything committed before this call is applied here, or why that is not known. */
  ask(done: (refusal: StoreErrorCode | undefined) => void): void;
}

export interface StoreOptions {
  readonly engine: Engine;
  /** Names the log in the engine: its keys start with `engram/KEYSPACE/`. */
  readonly keyspace: string;
  /** This node's `--name`: with the cluster id it makes the member id. */
  readonly name: string;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** The leader's lease: whether answers that need it may leave now. */
  readonly lease: { holds(): boolean };
  /** Without it, a store that does not lead answers no linearizable read. */
  readonly readIndex?: ReadIndex;
  /**
   * Confirms, later, that this node led at a time after this call, or tells why that is not known. Given where clocks are
   * not trusted: then answers that wrote nothing and need the lead wait for it, beside the lease.
   */
  readonly confirm?: (done: (refusal: StoreErrorCode | undefined) => void) => void;
  /** @default what this program writes, for one that is alone */
  readonly chunkFormat?: ChunkFormats;
  readonly limits?: Partial<StoreLimits>;
  readonly logLimits?: Partial<LogLimits>;
  readonly cleanerLimits?: NonNullable<CleanerOptions['limits']>;
  /** Live bytes and uncompacted history at most; 0 or less: no bound. @default 0 */
  readonly quotaBytes?: number;
  /** Seconds. Shorter leases are granted this. @default 2 (etcd's with default election timeouts) */
  readonly leaseTtlMin?: number;
  /** @default off */
  readonly autoCompaction?: AutoCompactionOptions;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** Bugs that the simulator plants; handed to the log. */
  readonly faults?: LogFaults;
}
