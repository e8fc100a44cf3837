import type { Bytes } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap } from './log-map.ts';
import type { VersionKind } from './records.ts';

export interface HistoryReaderOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly map: LogMap;
  /** Bound of the chunks kept parsed. @default 8 MiB */
  readonly cacheBytesMax?: number;
}
export interface HistoryBody {
  readonly revision: number;
  readonly sub: number;
  readonly kind: VersionKind;
  readonly body: Bytes;
}
export declare class HistoryReader {
  constructor(options: HistoryReaderOptions);
  body(revision: number, sub: number): Promise<Bytes | 'compacted'>;
  bodies(from: number, to: number, signal: AbortSignal): AsyncIterable<HistoryBody>;
}
