import { describe, expect, test } from 'vitest';
import type { Subject } from './subject.ts';
import { bytes, commit, expectCode, FIRST, LAST, read, scan, text, withEngine } from './helpers.ts';

/** Isolation, ownership and life of snapshots. */
export function snapshotTests(subject: Subject): void {
  describe('snapshot', () => {
    test('sees every commit that was answered before it', () =>
      withEngine(subject, async (engine) => {
        for (let i = 0; i < 20; i++) {
          await commit(engine, { a: `${i}` });
          expect(await read(engine, 'a')).toBe(`${i}`);
        }
      }));

    test('sees nothing that came later', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { a: '1', b: '1', c: '1' });
        await using old = await engine.snapshot();
        await commit(engine, { a: '2', b: undefined, d: '2' });
        await using young = await engine.snapshot();
        await commit(engine, { a: '3', c: undefined });
        const range = { gte: FIRST, lt: LAST };
        expect(await scan(old, range)).toEqual(['a=1', 'b=1', 'c=1']);
        expect(await scan(young, range)).toEqual(['a=2', 'c=1', 'd=2']);
        expect(text(await old.get(bytes('b')))).toBe('1');
        expect(await old.get(bytes('d'))).toBeUndefined();
        expect(await scan(old, { ...range, reverse: true })).toEqual(['c=1', 'b=1', 'a=1']);
      }));

    test('is atomic while commits go on: the sum of two counters never changes', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { x: '1000', y: '0' });
        let writing = true;
        const writer = (async () => {
          for (let i = 1; i <= 100; i++) await commit(engine, { x: `${1000 - i}`, y: `${i}` });
          writing = false;
        })();
        let reads = 0;
        while (writing || reads === 0) {
          await using snapshot = await engine.snapshot();
          const x = Number(text(await snapshot.get(bytes('x'))));
          const [entry] = await scan(snapshot, { gte: bytes('y'), lt: bytes('z') });
          expect(x + Number(entry!.slice(2))).toBe(1000);
          reads++;
          // Lets a writer whose commits need a turn of the event loop get on.
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        await writer;
        expect(await read(engine, 'y')).toBe('100');
      }));

    test('a scan goes on over its own state when its range is rewritten half way', () =>
      withEngine(subject, async (engine) => {
        const before: Record<string, string> = {};
        for (let i = 0; i < 5000; i++) before[`k${String(i).padStart(5, '0')}`] = 'old';
        await commit(engine, before);
        await using snapshot = await engine.snapshot();
        let seen = 0;
        for await (const batch of snapshot.scan({ gte: FIRST, lt: LAST })) {
          if (seen === 0) {
            const after: Record<string, string | undefined> = {};
            for (const key of Object.keys(before)) after[key] = key.endsWith('7') ? undefined : 'new';
            await commit(engine, { ...after, k00000a: 'new', zzz: 'new' });
          }
          for (const { value } of batch) expect(text(value)).toBe('old');
          seen += batch.length;
        }
        expect(seen).toBe(5000);
      }));

    test('returned bytes belong to the caller', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { key: 'value' });
        await using snapshot = await engine.snapshot();
        Buffer.from((await snapshot.get(bytes('key')))!).fill(0);
        (await snapshot.get(bytes('key')))!.fill(0x7a);
        for await (const batch of snapshot.scan({ gte: FIRST, lt: LAST })) {
          for (const entry of batch) {
            expect(text(entry.value)).toBe('value');
            entry.key.fill(0x7a);
            entry.value.fill(0x7a);
          }
        }
        expect(text(await snapshot.get(bytes('key')))).toBe('value');
        expect(await read(engine, 'key')).toBe('value');
      }));

    test('many are open at once', () =>
      withEngine(subject, async (engine) => {
        const snapshots = [];
        for (let i = 0; i < 50; i++) {
          await commit(engine, { a: `${i}`, [`k${i}`]: '' });
          snapshots.push(await engine.snapshot());
        }
        for (const [i, snapshot] of snapshots.entries()) {
          expect(text(await snapshot.get(bytes('a')))).toBe(`${i}`);
          expect(await scan(snapshot, { gte: bytes('k'), lt: bytes('l') })).toHaveLength(i + 1);
          await snapshot[Symbol.asyncDispose]();
        }
      }));

    test('reads nothing once it is disposed', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { a: '1', b: '2' });
        const snapshot = await engine.snapshot();
        await snapshot[Symbol.asyncDispose]();
        await snapshot[Symbol.asyncDispose]();
        await expectCode(snapshot.get(bytes('a')), 'closed');
        await expectCode(scan(snapshot, { gte: FIRST, lt: LAST }), 'closed');
      }));
  });
}
