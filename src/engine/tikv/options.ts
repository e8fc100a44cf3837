import type { Bytes } from '../../base/index.ts';
import type { TikvEnvironment, TlsOptions } from '../../tikv/index.ts';
import type { KeyRange } from '../index.ts';
import type { LaneLimits } from './lane.ts';

export interface TikvEngineOptions {
  /** `host:port` of the placement drivers; one that answers is enough. */
  readonly pd: readonly string[];
  readonly tls?: TlsOptions;
  readonly environment: TikvEnvironment;
  /** Put before every key, and never seen by the caller. @default none: the caller's keys are the store's */
  readonly keyPrefix?: Bytes;
  /** The keys that are this engine's own, which `sizeBytes` counts. @default all below `keyPrefix` */
  readonly range?: KeyRange;
  /** Who this is, for those who ask the placement driver who keeps old versions. @default `engram` */
  readonly name?: string;
  /** Says whether this node is the one to collect old versions. @default they are left to somebody else */
  readonly collectsGarbage?: () => boolean;
  /** Ends `open`, which otherwise waits for the placement drivers for ever. */
  readonly signal?: AbortSignal;
  readonly limits?: Partial<TikvEngineLimits>;
}

export interface TikvEngineLimits extends LaneLimits {
  /** A commit of up to 4 MiB in one region takes one phase; a larger one two. */
  readonly commitBytesMax: number;
  /** How long old versions are kept; those that a snapshot shows for as long as it is read (see `SnapshotKeeper`). */
  readonly garbageLifeMs: number;
  readonly garbageEveryMs: number;
  /** A close gives reads so long to end by themselves. */
  readonly closeMs: number;
}
