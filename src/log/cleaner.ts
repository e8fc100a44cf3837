import type { Logger } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import type { LogFaults } from './faults.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap } from './log-map.ts';
import type { Liveness } from './target.ts';
import type { LogWriter } from './writer.ts';

export interface CleanerOptions {
  readonly writer: LogWriter;
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly map: LogMap;
  readonly liveness: Liveness;
  readonly logger: Logger;
  readonly faults?: LogFaults;
}
export declare class Cleaner {
  constructor(options: CleanerOptions);
  /** One bounded piece of work. `idle`: nothing is worth doing now; ask again after the next compaction or a second. */
  step(): Promise<'worked' | 'idle'>;
  /** The next steps sweep and clean everything, however little there is to gain. For tests and defragmentation. */
  demand(): void;
}
