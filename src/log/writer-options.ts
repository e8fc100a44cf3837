import type { Arena, Clock, Logger, Random, Scheduler } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import type { ChunkFormats } from './chunk.ts';
import type { LogFaults } from './faults.ts';
import type { Head } from './head.ts';
import type { LogKeys } from './keys.ts';
import type { LogLimits } from './limits.ts';
import type { LogMap } from './log-map.ts';
import type { CommitListener } from './target.ts';

/** What a writer of the log works with. */
export interface LogWriterOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  /** The entries are written into it. Others may reserve in it too, at the price of a chunk that ends early. */
  readonly arena: Arena;
  /** The map that the replay has filled; the writer goes on with it. */
  readonly map: LogMap;
  /** Of this right to append, from the leader lease: higher than any before. */
  readonly epoch: number;
  /** The head as replayed, and its bytes: what the first commit depends on. */
  readonly head: Head;
  readonly headBytes: Uint8Array | undefined;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Draws the cluster id of an empty log, and spreads retries. */
  readonly random: Random;
  readonly lease: { holds(): boolean };
  readonly listener: CommitListener;
  /** @default 1, for both */
  readonly formats?: ChunkFormats;
  readonly limits?: Partial<LogLimits>;
  readonly logger: Logger;
  readonly faults?: LogFaults;
}

/**
 * How a take-over ended. `leading`: the epoch has begun. `behind`: an older leader appended meanwhile; replay from the
 * sequence reached so far, and make a new writer. `deposed`: a higher epoch has begun, or the log was closed.
 */
export type TakeOver = 'leading' | 'behind' | 'deposed';
