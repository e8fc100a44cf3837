/**
 * Goal: the size that a node tells is that of what is stored, whoever wrote it. Method: a store in memory, of which the
 * estimate sees what one node commits, and a clock that the test drives.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Batch, Snapshot } from '../index.ts';
import { SizeEstimate } from './size.ts';

const MINUTE_MS = 60_000;

let nowMs = 0;
let readings = 0;
/** How long reading everything takes. */
let readMs = 0;
const stored = new Map<string, string>();
let estimate: SizeEstimate;

beforeEach(() => {
  [nowMs, readings, readMs] = [0, 0, 0];
  stored.clear();
  estimate = new SizeEstimate({
    clock: { nowMs: () => nowMs },
    range: { gte: Buffer.from('a'), lt: Buffer.from('z') },
    snapshot: () => Promise.resolve(snapshot()),
  });
});

function snapshot(): Snapshot {
  const entries = [...stored].map(([key, value]) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
  return {
    get: () => Promise.reject(new Error('nothing asks for one key')),

    async *scan() {
      readings++;
      nowMs += readMs;
      yield entries;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const size = (): number => [...stored].reduce((sum, [key, value]) => sum + key.length + value.length, 0);

/** What this node commits; a value of undefined removes the key. */
function commit(writes: Record<string, string | undefined>, conditions: Batch['conditions'] = []): void {
  elsewhere(writes);
  estimate.committed({
    conditions,
    writes: Object.entries(writes).map(([key, value]) => {
      return { key: Buffer.from(key), value: value === undefined ? undefined : Buffer.from(value) };
    }),
  });
}

/** What another node commits. */
function elsewhere(writes: Record<string, string | undefined>): void {
  for (const [key, value] of Object.entries(writes)) {
    if (value === undefined) stored.delete(key);
    else stored.set(key, value);
  }
}

/** As a record of a lease or of members is kept alive, and as the head is by each append. */
function replace(key: string, value: string, more: Record<string, string> = {}): void {
  const before = Buffer.from(stored.get(key) ?? '');
  commit({ ...more, [key]: value }, [{ key: Buffer.from(key), is: 'equal', value: before }]);
}

describe('the estimated size of a store that does not tell', () => {
  test('is measured once, and follows what is appended and what is replaced, to the byte', async () => {
    elsewhere({ head: 'first', log1: 'x'.repeat(100) });
    expect(await estimate.bytes()).toBe(size());
    for (let at = 2; at < 50; at++) {
      replace('head', `head of ${at}`, { [`log${at}`]: 'x'.repeat(at) });
      nowMs += MINUTE_MS;
      expect(await estimate.bytes()).toBe(size());
    }
    expect(readings).toBe(1);
  });

  test('a node that only renews its own records does not count them up, and sees what others wrote', async () => {
    elsewhere({ members: 'beat 0' });
    await estimate.bytes();
    for (let second = 1; second <= 540; second++) {
      nowMs += 1000;
      replace('members', `beat ${second}`);
      elsewhere({ [`log${second}`]: 'x'.repeat(1000) });
    }
    expect(await estimate.bytes(), 'renewals were added').toBeLessThan(20);
    nowMs += 2 * MINUTE_MS;
    replace('members', 'beat 700');
    expect(await estimate.bytes()).toBe(size());
    expect(readings).toBe(2);
  });

  test('after keys were removed it is measured again, though appends go on', async () => {
    for (let at = 0; at < 20; at++) elsewhere({ [`log${at}`]: 'x'.repeat(1000) });
    await estimate.bytes();
    commit(Object.fromEntries(Array.from({ length: 19 }, (_, at) => [`log${at}`, undefined])));
    for (let minute = 0; minute < 11; minute++) {
      nowMs += MINUTE_MS;
      commit({ [`new${minute}`]: 'y' });
    }
    expect(await estimate.bytes()).toBe(size());
    expect(readings).toBe(2);
  });

  test('reading everything takes a hundredth of the time at most, unless it was asked for', async () => {
    readMs = MINUTE_MS;
    elsewhere({ log1: 'x' });
    await estimate.bytes();
    for (let minute = 0; minute < 99; minute++) {
      nowMs += MINUTE_MS;
      await estimate.bytes();
    }
    expect(readings).toBe(1);
    nowMs += 2 * MINUTE_MS;
    await estimate.bytes();
    expect(readings).toBe(2);
    estimate.renew();
    nowMs += 21 * MINUTE_MS;
    await estimate.bytes();
    expect(readings).toBe(3);
  });
});
