import type { Write } from '../engine/index.ts';
import { finishDraft } from './appender.ts';
import { CHUNK_HEADER_LENGTH } from './chunk.ts';
import type { Group } from './group.ts';
import type { Head } from './head.ts';
import type { LogKeys } from './keys.ts';
import type { LogMap } from './log-map.ts';
import type { Commit, CommittedChunk } from './target.ts';

/** What the commit of a group writes, the head that it leaves, and what the listener is told of it. */
export interface GroupCommit {
  readonly writes: readonly Write[];
  readonly next: Head;
  readonly commit: Commit;
}

/** Gives a closed group its place in the log, behind `before`, in the format and epoch and with the count of `next`. */
export function composeCommit(
  group: Group,
  before: Head,
  next: {
    readonly format: number;
    readonly epoch: number;
    readonly commit: number;
    readonly keys: LogKeys;
  },
): GroupCommit {
  const { format, epoch, keys } = next;
  const chunks: CommittedChunk[] = [];
  const writes: Write[] = [];
  let { revision, compacted } = before;
  for (const draft of group.drafts) {
    const sequence = before.sequence + chunks.length + 1;
    const bytes = finishDraft(draft, format, epoch, sequence);
    chunks.push({ sequence, bytes });
    writes.push({ key: keys.slot(sequence), value: bytes });
    revision = Math.max(revision, draft.revision);
  }
  const records = group.records.map(({ record, chunkIndex }) => ({
    record,
    sequence: before.sequence + chunkIndex + 1,
  }));
  for (const { record } of records)
    if (record.kind === 'compact') compacted = Math.max(compacted, record.revision);
  const sequence = before.sequence + chunks.length;
  return {
    writes,
    next: { epoch, commit: next.commit, sequence, revision, compacted },
    commit: { sequence, revision, records, chunks },
  };
}

/** Enters the chunks of a committed group, which followed `before`. */
export function mapGroup(map: LogMap, group: Group, before: Head): void {
  let { sequence, revision } = before;
  for (const { length, entries, removals, revision: last } of group.drafts) {
    revision = Math.max(revision, last);
    const bytes = CHUNK_HEADER_LENGTH + length;
    map.append({ last: ++sequence, bytes, entries, removals }, revision);
  }
}
