import { describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import type { Subject } from './subject.ts';
import {
  absent,
  bytes,
  commit,
  COMMITTED,
  content,
  equal,
  expectCode,
  read,
  text,
  withEngine,
} from './helpers.ts';

/** Every operation, for the traits that follow. */
const OPERATIONS: Record<string, (engine: Engine) => Promise<unknown>> = {
  snapshot: (engine) => engine.snapshot(),
  commit: (engine) => commit(engine, { late: '1' }),
  sizeBytes: (engine) => engine.sizeBytes(),
  compact: (engine) => engine.compact(),
};

/** Open, closing, closed, reopened; size and compaction. */
export function lifecycleTests(subject: Subject): void {
  describe('lifecycle', () => {
    for (const [name, operate] of Object.entries(OPERATIONS)) {
      test(`${name}() on a closed engine is refused`, () =>
        withEngine(subject, async (engine) => {
          await engine.close();
          await expectCode(operate(engine), 'closed');
        }));

      test(`${name}() on a closing engine is refused`, () =>
        withEngine(subject, async (engine) => {
          const closing = engine.close();
          await expectCode(operate(engine), 'closed');
          await closing;
        }));

      test(`close() waits for a ${name}() under way`, () =>
        withEngine(subject, async (engine) => {
          await commit(engine, { a: '1' });
          const operation = operate(engine).then(() => 'done');
          await engine.close();
          expect(await operation).toBe('done');
        }));
    }

    test('close() ends open snapshots, and a second close() is harmless', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { a: '1' });
        const snapshot = await engine.snapshot();
        await Promise.all([engine.close(), engine.close()]);
        await engine.close();
        await expectCode(snapshot.get(bytes('a')), 'closed');
        await snapshot[Symbol.asyncDispose]();
      }));

    test('promise 1: what was acknowledged is there after a reopening', () =>
      withEngine(subject, async (engine, { reopen }) => {
        if (reopen === undefined) {
          expect(engine.capabilities.durable).toBe(false);
          return;
        }
        await commit(engine, { a: '1', gone: '1', head: '0' }, [absent('head')]);
        for (let i = 0; i < 20; i++) {
          await commit(engine, { [`slot${i}`]: 'x'.repeat(1000), head: `${i + 1}` }, [equal('head', `${i}`)]);
        }
        await commit(engine, { gone: undefined });
        const before = await content(engine);
        await engine.close();
        const again = await reopen();
        expect(await content(again)).toEqual(before);
        expect((await commit(again, { head: 'x' }, [equal('head', '19')])).kind).toBe('conflict');
        expect(await commit(again, { head: '21' }, [equal('head', '20')])).toEqual(COMMITTED);
        await again.close();
      }));

    test('sizeBytes() grows with what is stored', () =>
      withEngine(subject, async (engine) => {
        const before = await engine.sizeBytes();
        for (let i = 0; i < 8; i++) await commit(engine, { [`k${i}`]: randomText(250_000, i) });
        await new Promise((resolve) => setTimeout(resolve, 1100));
        expect((await engine.sizeBytes()) - before).toBeGreaterThan(1_500_000);
      }));

    test('compact() gives space back while commits and reads go on', () =>
      withEngine(subject, async (engine) => {
        for (let i = 0; i < 40; i++) await commit(engine, { big: randomText(250_000, i) });
        await using old = await engine.snapshot();
        let compacting = true;
        const compaction = engine.compact().then(() => {
          compacting = false;
        });
        let commits = 0;
        while (compacting || commits < 10) {
          expect(await commit(engine, { counter: `${++commits}` })).toEqual(COMMITTED);
          expect(await read(engine, 'counter')).toBe(`${commits}`);
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        await compaction;
        expect(await old.get(bytes('counter'))).toBeUndefined();
        expect(text(await old.get(bytes('big')))).toBe(randomText(250_000, 39));
        await old[Symbol.asyncDispose]();
        await commit(engine, { big: 'small' });
        await engine.compact();
        await new Promise((resolve) => setTimeout(resolve, 1100));
        expect(await engine.sizeBytes()).toBeLessThan(5_000_000);
      }));
  });
}

/** Text that no compression makes smaller. */
function randomText(length: number, seed: number): string {
  const bytes = Buffer.alloc(length);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes.toString('latin1');
}
