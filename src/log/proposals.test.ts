import { describe, expect, it } from 'vitest';
import type { Arena } from '../base/index.ts';
import { Proposals } from './proposals.ts';
import type { Waiter } from './target.ts';

const NOBODY: Waiter = { settled: () => undefined };
const KEY = Buffer.from('k');

function proposals(): Proposals {
  const bytes = Buffer.alloc(4096);
  let end = 0;
  const arena: Arena = {
    reserve: (length) => ({ segment: 0, offset: (end += length) - length, bytes }),
    room: () => bytes.length - end,
    bytes: () => bytes,
  };
  return new Proposals(arena, 1);
}

/** One proposal: a put, and the grant of a lease. */
function propose(to: Proposals, revision: number): void {
  to.put(revision, 0, KEY, revision, 1, Buffer.from('v'), 0n);
  to.record({ kind: 'grant', id: BigInt(revision), ttl: 1 });
  to.seal(NOBODY, 0);
}

describe('proposals', () => {
  it('are counted until they are settled or dropped; dropping leaves the group that was sent', () => {
    const it = proposals();
    for (const revision of [2, 3, 4]) {
      propose(it, revision);
      if (revision < 4) it.separate();
    }
    const sent = it.next()!;
    it.sent(sent);
    const all = it.bytes;
    expect([sent.bytes * 3, it.groups().length, [...it.records()].length]).toEqual([all, 3, 3]);
    const dropped = it.drop();
    expect(dropped.map((group) => group.records.length)).toEqual([1, 1]);
    expect([it.bytes, it.openBytes, it.has('grant')]).toEqual([sent.bytes, 0, true]);
    expect(it.last).toBe(sent);
    expect(it.next()).toBeUndefined();
    it.settled(sent);
    expect([it.bytes, it.has('grant'), it.last]).toEqual([0, false, undefined]);
  });

  it('go out in order, and none before it has ended', () => {
    const it = proposals();
    propose(it, 2);
    it.separate();
    propose(it, 3);
    it.put(4, 0, KEY, 4, 1, KEY, 0n);
    const first = it.next()!;
    expect(first.records.map(({ record }) => record)).toMatchObject([{ id: 2n }]);
    expect(it.next()).toBeUndefined();
    it.seal(NOBODY, 0);
    expect(it.next()!.records.map(({ record }) => record)).toMatchObject([{ id: 3n }]);
    expect(it.revision).toBe(4);
  });

  it('refuse a revision that leaves one out, or comes again in another proposal', () => {
    const it = proposals();
    propose(it, 2);
    for (const revision of [1, 2, 4]) {
      expect(() => it.remove(revision, 0, KEY)).toThrow('revisions are proposed densely');
    }
    it.remove(3, 0, KEY);
    it.remove(3, 1, Buffer.from('l'));
    expect(() => it.separate()).toThrow('groups are separated between proposals');
  });
});
