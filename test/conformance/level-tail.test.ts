import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClassicLevel } from 'classic-level';
import { LevelEngine } from '../../src/engine/level/index.ts';
import { encodeMark, MARK_KEY } from '../../src/engine/level/mark.ts';
import { absent, bytes, commit, COMMITTED, content, equal, read, text } from './helpers.ts';

/** The record that moves behind the newest key and carries what every commit overwrites: nobody sees it. */

let directory: string;
let engine: LevelEngine;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'engram-level-tail-'));
  engine = await LevelEngine.open({ directory });
});
afterEach(async () => {
  await engine.close();
  await rm(directory, { recursive: true });
});

async function reopen(): Promise<void> {
  await engine.close();
  engine = await LevelEngine.open({ directory });
}

/** The keys as LevelDB has them. */
async function storedKeys(): Promise<string[]> {
  await engine.close();
  const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  const database = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'db'), options);
  const keys = await database.keys().all();
  await database.close();
  engine = await LevelEngine.open({ directory });
  return keys.map((key) => Buffer.from(key).toString('latin1'));
}

test('a log that only grows is never merged: its tables do not overlap, with the head in all of them', async () => {
  const value = Buffer.alloc(1024 * 1024);
  const { signal } = new AbortController();
  let head = 0;
  for (let i = 10_000; i < 10_100; i++) {
    for (let at = 0; at < value.length; at += 4) value.writeUInt32LE(Math.imul(i + at, 0x2c1b3c6d) >>> 0, at);
    const writes = [
      { key: bytes(`log/${i}`), value },
      { key: bytes('log/head'), value: bytes(String(i)) },
    ];
    const condition = head === 0 ? absent('log/head') : equal('log/head', String(head));
    expect(await engine.commit({ conditions: [condition], writes }, signal)).toEqual(COMMITTED);
    head = i;
  }
  expect(await read(engine, 'log/head')).toBe(String(head));
  await engine.close();
  const log = await readFile(join(directory, 'db', 'LOG'), 'utf8');
  expect(log.match(/Level-0 table #\d+: started/g)!.length).toBeGreaterThan(8);
  expect(log).not.toContain('Compacting');
  engine = await LevelEngine.open({ directory });
  expect(await read(engine, 'log/head')).toBe(String(head));
}, 120_000);

test('the carried key is nowhere else, and a tail goes with the key that it lies behind', async () => {
  for (let i = 1; i < 5; i++) {
    const condition = i === 1 ? absent('log/head') : equal('log/head', `${i - 1}`);
    await commit(engine, { [`log/${i}`]: 'x', 'log/head': `${i}` }, [condition]);
  }
  const tails = (keys: string[]): string[] => keys.filter((key) => !/^log\/\d$/.test(key));
  const before = await storedKeys();
  expect(before).toHaveLength(8);
  expect(tails(before).map((key) => key.slice(0, 6))).toEqual(['log/1\0', 'log/2\0', 'log/3\0', 'log/4\0']);
  await commit(engine, { 'log/1': undefined, 'log/2': undefined, 'log/3': 'merged', 'log/head': '5' }, [
    equal('log/head', '4'),
  ]);
  const after = await storedKeys();
  expect(after).toHaveLength(3);
  expect(tails(after).map((key) => key.slice(0, 6))).toEqual(['log/4\0']);
  expect(await content(engine)).toEqual(['log/3=merged', 'log/4=x', 'log/head=5']);
});

test('a store of an older version, whose mark and head lay by themselves, is gone on with', async () => {
  await engine.close();
  await rm(directory, { recursive: true });
  const database = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'db'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  const mark = { commit: 7, checksum: 5 };
  await database.batch([
    { type: 'put', key: MARK_KEY, value: encodeMark(mark) },
    { type: 'put', key: bytes('log/1'), value: bytes('a') },
    { type: 'put', key: bytes('log/head'), value: bytes('1') },
  ]);
  await database.close();
  engine = await LevelEngine.open({ directory });
  expect(await content(engine)).toEqual(['log/1=a', 'log/head=1']);
  expect((await commit(engine, { 'log/head': '9' }, [equal('log/head', '0')])).kind).toBe('conflict');
  for (let i = 2; i < 5; i++) {
    expect(
      await commit(engine, { [`log/${i}`]: 'x', 'log/head': `${i}` }, [equal('log/head', `${i - 1}`)]),
    ).toEqual(COMMITTED);
    await reopen();
    expect(await read(engine, 'log/head')).toBe(`${i}`);
  }
  expect(await content(engine)).toEqual(['log/1=a', 'log/2=x', 'log/3=x', 'log/4=x', 'log/head=4']);
});

test('conditions on changing keys, with reopenings, agree with a sorted map', async () => {
  let seed = 20;
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % bound;
  };
  const model = new Map<string, string>();
  const names = ['', '\0', 'a', 'a\0', 'b', 'm', 'z'].map((end) => `k${end}`);
  for (let step = 0; step < 600; step++) {
    const writes: Record<string, string | undefined> = {};
    for (let i = 0; i <= below(3); i++) {
      const long = below(10) === 0 ? 'x'.repeat(300) : '';
      writes[names[below(names.length)]!] = below(4) === 0 ? undefined : `${step}${long}`;
    }
    const on = below(3) === 0 ? undefined : Object.keys(writes)[0]!;
    const is = on === undefined ? undefined : model.get(on);
    const isWrong = below(8) === 0;
    const conditions = on === undefined ? [] : [is === undefined ? absent(on) : equal(on, is)];
    if (isWrong && on !== undefined) {
      const wrong = is === undefined ? equal(on, 'no') : absent(on);
      expect((await commit(engine, writes, [wrong])).kind, `step ${step}`).toBe('conflict');
    }
    expect(await commit(engine, writes, conditions), `step ${step}`).toEqual(COMMITTED);
    for (const [key, value] of Object.entries(writes))
      if (value === undefined) model.delete(key);
      else model.set(key, value);
    if (below(40) === 0) await reopen();
    if (below(3) > 0) continue;
    await using snapshot = await engine.snapshot();
    for (const name of names) {
      const value = await snapshot.get(bytes(name));
      expect(value === undefined ? undefined : text(value), `step ${step} ${name}`).toBe(model.get(name));
    }
    const [gte, lt] = [names[below(names.length)]!, below(2) === 0 ? 'l' : names[below(names.length)]!];
    const [reverse, limit] = [below(2) === 0, below(4) === 0 ? undefined : below(5)];
    const range = { gte: bytes(gte), lt: bytes(lt), reverse, ...(limit === undefined ? {} : { limit }) };
    const found: string[] = [];
    for await (const entries of snapshot.scan(range)) {
      expect(entries.length).toBeGreaterThan(0);
      found.push(...entries.map(({ key, value }) => `${text(key)}=${text(value)}`));
    }
    const keys = [...model.keys()].filter((key) => key >= gte && key < lt).sort();
    if (reverse) keys.reverse();
    const expected = keys.slice(0, limit).map((key) => `${key}=${model.get(key)}`);
    expect(found, `step ${step}`).toEqual(expected);
  }
});
