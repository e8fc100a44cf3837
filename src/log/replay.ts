import type { Arena } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import type { LogFaults } from './faults.ts';
import type { Head } from './head.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap } from './log-map.ts';
import type { LogTarget } from './target.ts';

export interface ReplayOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly arena: Arena;
  readonly map: LogMap;
  readonly target: LogTarget;
  /** Entries up to this sequence have been applied. @default 0 */
  readonly from?: number;
  readonly signal: AbortSignal;
  readonly faults?: LogFaults;
}
export interface Replayed {
  readonly head: Head;
  readonly headBytes: Uint8Array | undefined;
}
export declare function replay(options: ReplayOptions): Promise<Replayed>;
