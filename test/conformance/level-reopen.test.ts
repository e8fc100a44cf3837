import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LevelEngine, openClassicLevel } from '../../src/engine/level/index.ts';
import type { Database } from '../../src/engine/level/index.ts';
import { absent, bytes, commit, COMMITTED, content, equal, expectCode, read, text } from './helpers.ts';

/** A write of LevelDB fails: the commit is uncertain, and the engine reopens the database to find out. */

type Fate = 'works' | 'fails and is lost' | 'fails and is stored';

let directory: string;
let engine: LevelEngine;
/** What happens to the writes to come, one after the other; then all work. */
let fates: Fate[];
/** So many openings to come fail. */
let openingsFail: number;
let openings: number;

async function openFailing(location: string): Promise<Database> {
  openings++;
  if (openingsFail > 0) {
    openingsFail--;
    throw new Error('I/O error on opening');
  }
  const database = await openClassicLevel(location);
  const batch = database.batch.bind(database) as (...args: unknown[]) => Promise<void>;
  const failing = async (...args: unknown[]) => {
    const fate = fates.shift() ?? 'works';
    if (fate !== 'fails and is lost') await batch(...args);
    if (fate !== 'works') throw new Error('I/O error on writing');
  };
  Object.assign(database, { batch: failing });
  return database;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'engram-level-'));
  fates = [];
  openingsFail = 0;
  openings = 0;
  engine = await LevelEngine.open({ directory, openDatabase: openFailing });
  await commit(engine, { head: '0' });
});
afterEach(async () => {
  await engine.close();
  await rm(directory, { recursive: true });
});

/** The next reopening is half a second away or more. */
async function untilPauseIsLong(): Promise<void> {
  for (let i = 0; i < 6; i++) await commit(engine, { head: '1' });
}

/** What ends no wait takes as long as that every time; what does is quick, unless the machine is busy elsewhere. */
async function expectQuick(prepare: () => Promise<() => Promise<void>>): Promise<void> {
  const tookMs: number[] = [];
  do {
    const run = await prepare();
    const startMs = performance.now();
    await run();
    tookMs.push(performance.now() - startMs);
  } while (tookMs.at(-1)! > 200 && tookMs.length < 3);
  expect(Math.min(...tookMs)).toBeLessThan(200);
}

describe('a failed write', () => {
  test('is uncertain; sent again, it is committed when it had been lost', async () => {
    fates = ['fails and is lost'];
    const send = () => commit(engine, { head: '1', slot1: 'x' }, [equal('head', '0')]);
    const first = await send();
    expect(first.kind).toBe('uncertain');
    if (first.kind === 'uncertain') expect(first.cause.message).toContain('I/O error on writing');
    expect(await read(engine, 'head')).toBe('0');
    expect(await send()).toEqual(COMMITTED);
    expect(openings).toBe(2);
    expect(await content(engine)).toEqual(['head=1', 'slot1=x']);
  });

  test('sent again is judged by what the store really holds: a conflict when it had been stored', async () => {
    fates = ['fails and is stored'];
    const send = () => commit(engine, { head: '1', slot1: 'x' }, [equal('head', '0')]);
    expect((await send()).kind).toBe('uncertain');
    expect(await send()).toEqual({ kind: 'conflict', key: bytes('head') });
    expect(await content(engine)).toEqual(['head=1', 'slot1=x']);
    expect(await commit(engine, { head: '2' }, [equal('head', '1')])).toEqual(COMMITTED);
    await engine.close();
    engine = await LevelEngine.open({ directory });
    expect(await content(engine)).toEqual(['head=2', 'slot1=x']);
  });

  test('is uncertain again while the database cannot be reopened, and commits once it can', async () => {
    fates = ['fails and is lost'];
    openingsFail = 3;
    const kinds: string[] = [];
    while (kinds.at(-1) !== 'committed') {
      kinds.push((await commit(engine, { head: '1' }, [equal('head', '0')])).kind);
    }
    expect(kinds).toEqual(['uncertain', 'uncertain', 'uncertain', 'uncertain', 'committed']);
  });

  test('a read reopens a database whose reopening failed, or says why it cannot', async () => {
    fates = ['fails and is lost'];
    openingsFail = 2;
    await commit(engine, { head: '1' });
    await commit(engine, { head: '1' });
    await expectCode(engine.snapshot(), 'unavailable');
    expect(await read(engine, 'head')).toBe('0');
    expect(await commit(engine, { head: '1' })).toEqual(COMMITTED);
  });

  test('commits in flight behind it are each judged after it', async () => {
    fates = ['fails and is stored'];
    const results = await Promise.all([
      commit(engine, { head: '1' }, [equal('head', '0')]),
      commit(engine, { head: '2' }, [equal('head', '1')]),
      commit(engine, { other: '' }, [absent('other')]),
      commit(engine, { head: '9' }, [equal('head', '0')]),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['uncertain', 'committed', 'committed', 'conflict']);
    expect(await content(engine)).toEqual(['head=2', 'other=']);
  });

  test('a snapshot that ends in time is read to its end; one that does not is lost, and says so', async () => {
    fates = ['fails and is lost', 'fails and is lost'];
    await commit(engine, { head: '1' });
    const quick = await engine.snapshot();
    const reopening = commit(engine, { head: '1' });
    expect(text(await quick.get(bytes('head')))).toBe('0');
    await quick[Symbol.asyncDispose]();
    expect((await reopening).kind).toBe('uncertain');
    const slow = await engine.snapshot();
    const startMs = performance.now();
    expect(await commit(engine, { head: '1' })).toEqual(COMMITTED);
    expect(performance.now() - startMs).toBeGreaterThan(900);
    await expectCode(slow.get(bytes('head')), 'snapshot_lost');
    await slow[Symbol.asyncDispose]();
    expect(await read(engine, 'head')).toBe('1');
  });

  test('an abort ends the wait for the next reopening', async () => {
    fates = ['fails and is lost'];
    openingsFail = 1000;
    await expectQuick(async () => {
      await untilPauseIsLong();
      return async () => {
        const stop = new AbortController();
        const writes = [{ key: bytes('head'), value: bytes('1') }];
        const waiting = engine.commit({ conditions: [], writes }, stop.signal);
        stop.abort();
        await expectCode(waiting, 'aborted');
      };
    });
  });

  test('close() does not wait for a database that cannot be reopened', async () => {
    await expectQuick(async () => {
      await engine.close();
      openingsFail = 0;
      engine = await LevelEngine.open({ directory, openDatabase: openFailing });
      fates = ['fails and is lost'];
      openingsFail = 1000;
      await untilPauseIsLong();
      const waiting = commit(engine, { head: '1' });
      return async () => {
        await engine.close();
        expect((await waiting).kind).toBe('uncertain');
      };
    });
  });

  test('close() while it is reopening under an open snapshot', async () => {
    fates = ['fails and is lost'];
    await commit(engine, { head: '1' });
    const snapshot = await engine.snapshot();
    const waiting = commit(engine, { head: '1' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await engine.close();
    expect(['committed', 'uncertain']).toContain((await waiting).kind);
    expect(['closed', 'snapshot_lost']).toContain(
      await snapshot.get(bytes('head')).catch((e: { code: string }) => e.code),
    );
  });
});

test('promise 8: after a long scan the database is opened anew, so that what was mapped is let go', async () => {
  const value = Buffer.alloc(4 * 1024 * 1024, 'x');
  const { signal } = new AbortController();
  for (let i = 10; i < 27; i++) {
    await engine.commit({ conditions: [], writes: [{ key: bytes(`k${i}`), value }] }, signal);
  }
  expect(openings).toBe(1);
  const before = (await content(engine)).length;
  const results = await Promise.all([
    commit(engine, { head: '1' }, [equal('head', '0')]),
    read(engine, 'k10'),
    commit(engine, { head: '2' }, [equal('head', '1')]),
  ]);
  expect([results[0], results[2]]).toEqual([COMMITTED, COMMITTED]);
  // It waits for a moment without snapshots, and is in the queue of the commits then.
  for (let i = 0; i < 50 && openings === 1; i++)
    expect(await commit(engine, { other: '' })).toEqual(COMMITTED);
  expect(openings).toBe(2);
  expect(await read(engine, 'head')).toBe('2');
  expect(before).toBe(18);
});
