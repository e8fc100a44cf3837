import { describe, expect, test } from 'vitest';
import type { Subject } from './subject.ts';
import {
  absent,
  bytes,
  commit,
  COMMITTED,
  content,
  equal,
  expectCode,
  NEVER,
  read,
  text,
  withEngine,
} from './helpers.ts';

/** Atomicity, conditions, order, bounds. */
export function commitTests(subject: Subject): void {
  describe('commit', () => {
    test('writes all of a batch', () =>
      withEngine(subject, async (engine) => {
        expect(await commit(engine, { a: '1', b: '2', c: '' })).toEqual(COMMITTED);
        expect(await content(engine)).toEqual(['a=1', 'b=2', 'c=']);
      }));

    test('overwrites and removes', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { a: '1', b: '2', c: '3' });
        expect(await commit(engine, { a: undefined, b: '20', missing: undefined })).toEqual(COMMITTED);
        expect(await content(engine)).toEqual(['b=20', 'c=3']);
        await commit(engine, { a: '5' });
        expect(await read(engine, 'a')).toBe('5');
      }));

    test('promise 3: a condition that does not hold is a conflict that names its key and writes nothing', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { head: 'one' });
        const before = await content(engine);
        const cases = [
          [absent('head')],
          [equal('head', 'two')],
          [equal('head', 'on')],
          [equal('head', 'one!')],
          [absent('slot'), equal('head', 'two')],
        ];
        for (const conditions of cases) {
          const result = await commit(engine, { slot: 'x', head: 'two' }, conditions);
          expect(result.kind).toBe('conflict');
          if (result.kind === 'conflict') expect(text(result.key)).toBe('head');
          expect(await content(engine)).toEqual(before);
        }
        const missing = await commit(engine, { slot: 'x', head: 'two' }, [
          equal('slot', ''),
          equal('head', 'one'),
        ]);
        expect(missing).toEqual({ kind: 'conflict', key: bytes('slot') });
        expect(await content(engine)).toEqual(before);
      }));

    test('conditions that hold let the commit through', () =>
      withEngine(subject, async (engine) => {
        expect(await commit(engine, { head: 'one', slot1: 'x' }, [absent('head')])).toEqual(COMMITTED);
        const second = [equal('head', 'one'), absent('slot2')];
        expect(await commit(engine, { head: 'two', slot2: 'y' }, second)).toEqual(COMMITTED);
        expect(await commit(engine, { head: undefined }, [equal('head', 'two')])).toEqual(COMMITTED);
        expect(await commit(engine, { head: 'again' }, [absent('head')])).toEqual(COMMITTED);
        expect(await content(engine)).toEqual(['head=again', 'slot1=x', 'slot2=y']);
      }));

    test('promise 3: of two commits in flight on one head, one is a conflict', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { head: '0' });
        const results = await Promise.all([
          commit(engine, { head: 'a', a: '' }, [equal('head', '0')]),
          commit(engine, { head: 'b', b: '' }, [equal('head', '0')]),
        ]);
        expect(results.map(({ kind }) => kind).sort()).toEqual(['committed', 'conflict']);
        const winner = results[0].kind === 'committed' ? 'a' : 'b';
        expect(await content(engine)).toEqual([`${winner}=`, `head=${winner}`]);
      }));

    test('many commits in flight take effect in the order of the calls', () =>
      withEngine(subject, async (engine) => {
        const count = 200;
        const answered: number[] = [];
        await Promise.all(
          Array.from({ length: count }, async (_, i) => {
            const conditions = i === 0 ? [absent('head')] : [equal('head', String(i - 1))];
            const slot = `slot${String(i).padStart(4, '0')}`;
            expect(await commit(engine, { [slot]: `${i}`, head: String(i) }, conditions)).toEqual(COMMITTED);
            answered.push(i);
          }),
        );
        expect(answered).toEqual(Array.from({ length: count }, (_, i) => i));
        expect(await content(engine)).toHaveLength(count + 1);
        expect(await read(engine, 'head')).toBe(String(count - 1));
      }));

    test('the buffers of a batch are the callers own again once it has settled', () =>
      withEngine(subject, async (engine) => {
        const key = bytes('key');
        const value = bytes('value');
        const medium = Buffer.alloc(1000, 'y');
        const large = Buffer.alloc(5000, 'x');
        const writes = [
          { key, value },
          { key: bytes('medium'), value: medium },
          { key: bytes('large'), value: large },
        ];
        await engine.commit({ conditions: [{ key, is: 'absent' }], writes }, NEVER);
        key.fill(0x7a);
        value.fill(0x7a);
        medium.fill(0x7a);
        large.fill(0x7a);
        expect(await read(engine, 'key')).toBe('value');
        expect(await read(engine, 'medium')).toBe('y'.repeat(1000));
        expect(await read(engine, 'large')).toBe('x'.repeat(5000));
        const again = [equal('key', 'value')];
        expect(await commit(engine, { key: 'next' }, again)).toEqual(COMMITTED);
      }));

    test('values of 4 MiB and empty ones come back as they were', () =>
      withEngine(subject, async (engine) => {
        const large = Buffer.alloc(4 * 1024 * 1024);
        for (let i = 0; i < large.length; i++) large[i] = (i * 2654435761) >>> 13;
        const writes = [
          { key: bytes('empty'), value: Buffer.alloc(0) },
          { key: bytes('large'), value: large },
        ];
        expect(await engine.commit({ conditions: [], writes }, NEVER)).toEqual(COMMITTED);
        await using snapshot = await engine.snapshot();
        expect(Buffer.compare(Buffer.from((await snapshot.get(bytes('large')))!), large)).toBe(0);
        expect((await snapshot.get(bytes('empty')))!.length).toBe(0);
      }));

    test('promise 7: a commit above commitBytesMax is refused and writes nothing', () =>
      withEngine(
        subject,
        async (engine) => {
          expect(engine.capabilities.commitBytesMax).toBe(100);
          await expectCode(commit(engine, { aa: 'x'.repeat(49), bb: 'x'.repeat(48) }), 'too_large');
          expect(await content(engine)).toEqual([]);
          expect(await commit(engine, { aa: 'x'.repeat(48), bb: 'x'.repeat(48) })).toEqual(COMMITTED);
        },
        { commitBytesMax: 100 },
      ));

    test('an aborted signal keeps a commit from being sent, and does nothing to one that was', () =>
      withEngine(subject, async (engine) => {
        const before = new AbortController();
        before.abort(new Error('stop'));
        const writes = [{ key: bytes('a'), value: bytes('1') }];
        await expectCode(engine.commit({ conditions: [], writes }, before.signal), 'aborted');
        expect(await content(engine)).toEqual([]);
        const after = new AbortController();
        expect(await engine.commit({ conditions: [], writes }, after.signal)).toEqual(COMMITTED);
        after.abort();
        expect(await content(engine)).toEqual(['a=1']);
      }));

    test('a condition on a key that the commit does not write is a bug', () =>
      withEngine(subject, async (engine) => {
        await expect(commit(engine, { a: '1' }, [absent('b')])).rejects.toThrow(
          'a key that the same commit writes',
        );
        expect(await content(engine)).toEqual([]);
      }));

    test('a commit of 20,000 writes is one commit', () =>
      withEngine(subject, async (engine) => {
        const writes: Record<string, string> = {};
        for (let i = 0; i < 20_000; i++) writes[`k${String(i).padStart(6, '0')}`] = `${i}`;
        expect(await commit(engine, writes)).toEqual(COMMITTED);
        const found = await content(engine);
        expect(found).toHaveLength(20_000);
        expect(found[19_999]).toBe('k019999=19999');
      }));
  });
}
