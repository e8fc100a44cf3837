import type { Arena, Bytes } from '../base/index.ts';
import type { Engine, Snapshot } from '../engine/index.ts';
import { LogApplier } from './applier.ts';
import { readChunk } from './chunk.ts';
import { forgotten, LogError } from './errors.ts';
import { planted } from './faults.ts';
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
  /** The epoch of the last chunk that has been applied: what is stored must agree with it. @default not compared */
  readonly fromEpoch?: number;
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
 * be applied to a state that is older than a sweep; `log-forgotten` when what is stored is less than, or other than, what
 * has been applied; `log-stopped` when aborted. After EngineError the target may be gone on with.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { engine, keys, signal } = options;
  const from = options.from ?? 0;
  await using snapshot = await engine.snapshot();
  const headBytes = await snapshot.get(keys.head);
  const head = headBytes === undefined ? EMPTY_HEAD : decodeHead(headBytes);
  const isProbing = options.faults !== undefined && planted(options.faults, 'probe-end-of-log');
  const end = isProbing ? await probedEnd(snapshot, keys, from) : Infinity;
  const upTo = Math.min(options.upTo ?? Infinity, end);
  if (from === 0) options.map.clear();
  else checkHead(options, head);
  const applier = new LogApplier({ ...options, bounds: head });
  for await (const entries of snapshot.scan(keys.slotsFrom(Math.max(1, from)))) {
    if (signal.aborted) throw new LogError('log-stopped', 'Cannot finish the replay: it was aborted');
    for (const { key, value } of entries) {
      const sequence = sequenceOfSlot(key);
      if (sequence <= from) {
        checkLast(options, sequence, value);
        continue;
      }
      if (sequence > upTo) return { head: isProbing ? { ...head, ...applier.reached } : head, headBytes };
      applier.take(sequence, value);
    }
  }
  if (isProbing) return { head: { ...head, ...applier.reached }, headBytes };
  applier.finish(head);
  return { head, headBytes };
}

/** What has been applied was committed once, so the log cannot end before it. */
function checkHead({ from = 0, fromRevision = 1, fromEpoch = 0 }: ReplayOptions, head: Head): void {
  if (head.sequence < from || head.revision < fromRevision || head.epoch < fromEpoch) {
    const found = `the head is at sequence ${head.sequence}, revision ${head.revision}, epoch ${head.epoch}`;
    throw forgotten(`${found}, but ${from}, ${fromRevision} and ${fromEpoch} have been seen committed`);
  }
}

/** The chunk that ended what has been applied, if it has not been merged with one behind it. */
function checkLast({ fromEpoch, knows }: ReplayOptions, sequence: number, value: Bytes): void {
  if (fromEpoch === undefined) return;
  const { epoch } = readChunk(value, sequence, knows).header;
  if (epoch !== fromEpoch)
    throw forgotten(`chunk ${sequence} is of epoch ${epoch}, but was seen committed in epoch ${fromEpoch}`);
}

/** A planted fault: where the next slot is empty. Cleaning empties slots. */
async function probedEnd(snapshot: Snapshot, keys: LogKeys, from: number): Promise<number> {
  let end = from;
  while ((await snapshot.get(keys.slot(end + 1))) !== undefined) end++;
  return end;
}
