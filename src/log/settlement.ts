import type { Bytes } from '../base/index.ts';
import type { Write } from '../engine/index.ts';

/**
 * What became of a commit. `landed`: it is in the log, and a higher epoch has begun behind it. `lost`: it never will be.
 * `unknown`: given up, because the engine or the log was closed. `forgotten`: the store lacks or contradicts what it had
 * acknowledged, so that nothing it says can be built on.
 */
export type Settlement = 'committed' | 'landed' | 'lost' | 'unknown' | 'forgotten';

/** One commit, which replaces the head. */
export interface SettledCommit {
  readonly writes: readonly Write[];
  /** The head as it was left; undefined: there is none. */
  readonly headBytes: Bytes | undefined;
  readonly nextHeadBytes: Bytes;
  /** The last sequence of the log before. */
  readonly sequence: number;
  /** The last sequence of the log after. */
  readonly nextSequence: number;
}
