import type { Arena } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { LogApplier } from './applier.ts';
import { LogError } from './errors.ts';
import type { LogFaults } from './faults.ts';
import { decodeHead, EMPTY_HEAD } from './head.ts';
import type { Head } from './head.ts';
import { sequenceOfSlot } from './keys.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap } from './log-map.ts';
import type { LogTarget } from './target.ts';

export interface ReplayOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  /** The entries are copied into it, each chunk's as one run where it has room. */
  readonly arena: Arena;
  /** Filled from the start, or gone on with when `from` is given. */
  readonly map: LogMap;
  readonly target: LogTarget;
  /** Everything up to this sequence has been applied and is in the map. @default 0 */
  readonly from?: number;
  /** The last revision that has been applied. @default 1 */
  readonly fromRevision?: number;
  /**
   * Nothing above this sequence, which is the end of a commit, is applied; so a chunk that reaches beyond it is left for
   * the next time. @default all of the log
   */
  readonly upTo?: number;
  /** The highest chunk format that is read. @default 1 */
  readonly knows?: number;
  readonly signal: AbortSignal;
  readonly faults?: LogFaults;
}

export interface Replayed {
  readonly head: Head;
  /** As they are stored; undefined when the log is empty. */
  readonly headBytes: Uint8Array | undefined;
}

/**
 * Reads the log up to its head, verifies all of it, and applies it to `target` in order. Throws LogError: `log-damaged`
 * or `log-format` with the position, before anything of the chunk in question is applied; `log-swept` when a tail cannot
 * be applied to a state that is older than a sweep; `log-stopped` when aborted. The target is then to be thrown away.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { engine, keys, signal } = options;
  const upTo = options.upTo ?? Infinity;
  await using snapshot = await engine.snapshot();
  const headBytes = await snapshot.get(keys.head);
  const head = headBytes === undefined ? EMPTY_HEAD : decodeHead(headBytes);
  if ((options.from ?? 0) === 0) options.map.clear();
  const applier = new LogApplier({ ...options, bounds: head });
  for await (const entries of snapshot.scan(keys.slotsFrom((options.from ?? 0) + 1))) {
    if (signal.aborted) throw new LogError('log-stopped', 'Cannot finish the replay: it was aborted');
    for (const { key, value } of entries) {
      const sequence = sequenceOfSlot(key);
      if (sequence > upTo) return { head, headBytes };
      applier.take(sequence, value);
    }
  }
  applier.finish(head);
  return { head, headBytes };
}
