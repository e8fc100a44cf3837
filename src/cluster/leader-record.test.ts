/** Goal: the leader record is read back as it was written, across versions, and is refused when it is damaged. */
import { describe, expect, it } from 'vitest';
import { ClusterError } from './errors.ts';
import { decodeLeaderRecord, encodeLeaderRecord } from './leader-record.ts';
import type { LeaderRecord } from './leader-record.ts';

const RECORD: LeaderRecord = {
  ...{ holder: 'a#1', name: 'a', peerUrls: ['http://a:2380'], epoch: 1, counter: 0, leaseMs: 800 },
  ...{ released: true, to: 'b#1' },
};

function codeOf(stored: unknown): string {
  try {
    decodeLeaderRecord(Buffer.from(typeof stored === 'string' ? stored : JSON.stringify(stored)));
  } catch (error) {
    if (error instanceof ClusterError) return error.code;
    throw error;
  }
  return 'taken';
}

describe('the leader record', () => {
  it('is read as it was written, whatever a later version adds to this format', () => {
    expect(decodeLeaderRecord(encodeLeaderRecord(RECORD))).toEqual(RECORD);
    const more = JSON.stringify({ format: 1, ...RECORD, more: 1 });
    expect(decodeLeaderRecord(Buffer.from(more))).toEqual(RECORD);
  });

  it.each([
    ['an epoch of 0', { epoch: 0 }],
    ['a negative epoch', { epoch: -1 }],
    ['an epoch that is not whole', { epoch: 1.5 }],
    ['an epoch past what is counted exactly', { epoch: 2 ** 53 }],
    ['an epoch in text', { epoch: '1' }],
    ['a negative counter', { counter: -1 }],
    ['a counter that is not whole', { counter: 0.5 }],
    ['a lease of no time', { leaseMs: 0 }],
    ['a lease that is not whole', { leaseMs: 0.5 }],
    ['no holder', { holder: undefined }],
    ['no name', { name: undefined }],
    ['URLs that are none', { peerUrls: [1] }],
    ['no word on whether it is released', { released: undefined }],
    ['no word on to whom', { to: undefined }],
    ['no format', { format: undefined }],
    ['a format below the first', { format: 0 }],
  ])('is damaged with %s', (_what, wrong) => {
    expect(codeOf({ format: 1, ...RECORD })).toBe('taken');
    expect(codeOf({ format: 1, ...RECORD, ...wrong })).toBe('record-damaged');
  });

  it('is damaged when it is not JSON, or no object', () => {
    for (const stored of ['', '{', 'null', '1', '[]']) expect(codeOf(stored), stored).toBe('record-damaged');
  });

  it('is not read in a newer format, even if all fields are there', () => {
    expect(codeOf({ format: 2, ...RECORD })).toBe('record-format');
  });
});
