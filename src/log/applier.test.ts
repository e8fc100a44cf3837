import { expect, test } from 'vitest';
import type { Arena } from '../base/index.ts';
import { LogApplier } from './applier.ts';
import { CHUNK_HEADER_LENGTH, writeChunkHeader } from './chunk.ts';
import { LogMap } from './log-map.ts';
import type { LogTarget } from './target.ts';

test('promise 4: a chunk that was cleaned of leases before any compaction says from where on the state is whole', () => {
  const chunk = Buffer.alloc(CHUNK_HEADER_LENGTH);
  const covered = { format: 1, epoch: 1, first: 1, last: 3, continues: false, swept: false };
  const cleaned = { cleanedRevision: 0, cleanedSequence: 9 };
  writeChunkHeader(chunk, { ...covered, ...cleaned, entryCount: 0, entriesLength: 0 }, 0);
  const nothing = (): never => expect.fail('there is nothing to keep');
  const arena: Arena = { reserve: nothing, bytes: nothing, room: () => 0 };
  const told: unknown[] = [];
  const target: Partial<LogTarget> = {
    cleanedAt: (...at) => void told.push(at),
    applied: (sequence) => void told.push(sequence),
  };
  new LogApplier({ arena, target: target as LogTarget, map: new LogMap() }).take(3, chunk);
  expect(told).toEqual([[0, 9], 3]);
});
