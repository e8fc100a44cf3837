import { equalBytes } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import type { Engine, Snapshot } from '../engine/index.ts';
import { readChunk } from './chunk.ts';
import { EntryColumns } from './entry.ts';
import { planted } from './faults.ts';
import type { LogFaults } from './faults.ts';
import { decodeHead } from './head.ts';
import type { Head } from './head.ts';
import { sequenceOfSlot } from './keys.ts';
import type { LogKeys } from './keys.ts';
import { EntryKind, readRecord } from './records.ts';
import type { SettledCommit, Settlement } from './settlement.ts';

export interface JudgeOptions {
  readonly engine: Engine;
  readonly keys: LogKeys;
  readonly epoch: number;
  readonly faults: LogFaults;
  /** The highest chunk format that is read. */
  readonly knows: number;
}

/**
 * What became of a commit whose condition on the head did not hold. Undefined: the head is as it was left after all, so
 * the commit may be sent again.
 *
 * Another leader has moved the head on, if it is a head that can follow the one that was left, and if its epoch begins
 * behind all that was acknowledged here. Else the store has forgotten: a promoted replica or a restored backup lacks
 * commits that it once acknowledged, whatever was built on it since (design.md section 2, "A store that forgot").
 */
export async function judgeConflict(
  options: JudgeOptions,
  commit: SettledCommit,
): Promise<Settlement | undefined> {
  const { engine, keys, epoch, faults } = options;
  await using snapshot = await engine.snapshot();
  const found = await snapshot.get(keys.head);
  if (isSame(found, commit.nextHeadBytes)) return 'committed';
  if (isSame(found, commit.headBytes)) return undefined;
  if (found === undefined) return 'forgotten';
  const head = decodeHead(found);
  const left = commit.headBytes === undefined ? undefined : decodeHead(commit.headBytes);
  if (left !== undefined && !follows(head, left, faults)) return 'forgotten';
  const { sequence, nextSequence } = commit;
  const begun = await firstEpochAbove(options, snapshot, sequence);
  if (left?.epoch === epoch) {
    // Nobody else commits in an epoch that this node has begun, and the next one begins where this one ended.
    if (begun === nextSequence + 1) return 'landed';
    return begun === sequence + 1 ? 'lost' : 'forgotten';
  }
  // A take-over: older leaders may have gone on meanwhile.
  if (begun === undefined) return head.epoch > epoch ? 'forgotten' : 'lost';
  if (begun <= sequence) return 'forgotten';
  return begun > nextSequence ? 'landed' : 'lost';
}

/** Whether commits can have made `head` of `left`, one after the other. */
function follows(head: Head, left: Head, faults: LogFaults): boolean {
  if (head.commit <= left.commit && !planted(faults, 'head-without-counter')) return false;
  const isOlder = head.epoch < left.epoch || head.sequence < left.sequence;
  return !isOlder && head.revision >= left.revision && head.compacted >= left.compacted;
}

/**
 * The sequence at which the first epoch above this one begins: exact where it is above `sequence`, else any number that is
 * not. Undefined: there is none.
 */
async function firstEpochAbove(
  { keys, epoch, knows }: JudgeOptions,
  snapshot: Snapshot,
  sequence: number,
): Promise<number | undefined> {
  const columns = new EntryColumns();
  // From the chunk on that ends the log as it was left: it shows whether the epoch begins behind it.
  for await (const entries of snapshot.scan(keys.slotsFrom(sequence))) {
    for (const { key, value } of entries) {
      const chunk = readChunk(value, sequenceOfSlot(key), knows);
      if (chunk.header.epoch <= epoch) continue;
      columns.parse(chunk);
      for (let i = 0; i < columns.count; i++) {
        if (columns.kinds[i] !== EntryKind.epoch) continue;
        const at = columns.bodyOffsets[i]!;
        const body = chunk.bytes.subarray(at, at + columns.bodyLengths[i]!);
        const record = readRecord(EntryKind.epoch, body, chunk.position);
        if (record.kind === 'epoch' && record.epoch > epoch) return columns.sequences[i]!;
      }
      // The epoch of this chunk begins in one before those that were read.
      return sequence;
    }
  }
  return undefined;
}

function isSame(found: Bytes | undefined, bytes: Bytes | undefined): boolean {
  if (found === undefined || bytes === undefined) return found === bytes;
  return equalBytes(found, bytes);
}
