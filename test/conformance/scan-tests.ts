import { describe, expect, test } from 'vitest';
import { compareBytes, SeededRandom } from '../../src/base/index.ts';
import type { Bytes } from '../../src/base/index.ts';
import { SCAN_BATCH_BYTES_MAX } from '../../src/engine/index.ts';
import type { Entry, ScanRange } from '../../src/engine/index.ts';
import type { Subject } from './subject.ts';
import { bytes, commit, FIRST, LAST, NEVER, scan, text, withEngine } from './helpers.ts';

/** Ranges, order, limits, batches. */
export function scanTests(subject: Subject): void {
  describe('scan', () => {
    test('takes gte in and lt out, either way round, up to the limit', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { a: '1', b: '2', c: '3', d: '4' });
        await using snapshot = await engine.snapshot();
        const keys = async (range: ScanRange) =>
          (await scan(snapshot, range)).map((entry) => entry[0]).join('');
        const [b, d, e] = [bytes('b'), bytes('d'), bytes('e')];
        expect(await keys({ gte: b, lt: d })).toBe('bc');
        expect(await keys({ gte: b, lt: e })).toBe('bcd');
        expect(await keys({ gte: bytes('aa'), lt: bytes('cc') })).toBe('bc');
        expect(await keys({ gte: b, lt: d, reverse: true })).toBe('cb');
        expect(await keys({ gte: FIRST, lt: LAST, limit: 3 })).toBe('abc');
        expect(await keys({ gte: FIRST, lt: LAST, limit: 3, reverse: true })).toBe('dcb');
        expect(await keys({ gte: FIRST, lt: LAST, limit: 0 })).toBe('');
        expect(await keys({ gte: b, lt: e, limit: 100 })).toBe('bcd');
        expect(await keys({ gte: b, lt: b })).toBe('');
        expect(await keys({ gte: d, lt: b })).toBe('');
        expect(await keys({ gte: d, lt: b, reverse: true })).toBe('');
        expect(await keys({ gte: e, lt: LAST })).toBe('');
      }));

    test('of an empty store yields no batch', () =>
      withEngine(subject, async (engine) => {
        await using snapshot = await engine.snapshot();
        let batches = 0;
        for await (const _ of snapshot.scan({ gte: FIRST, lt: LAST })) batches++;
        expect(batches).toBe(0);
      }));

    test('orders keys as unsigned bytes, shorter first', () =>
      withEngine(subject, async (engine) => {
        const keys = [
          [0],
          [0, 0],
          [0, 0xff],
          [0x61],
          [0x61, 0],
          [0x61, 0, 0],
          [0x61, 0x62],
          [0x7f],
          [0x80],
          [0xfe, 0xff],
        ];
        const sorted = [...keys, [0xff], [0xff, 0], [0xff, 0xff, 0xfe]].map((key) => Buffer.from(key));
        const writes = sorted.toReversed().map((key) => ({ key, value: key }));
        await engine.commit({ conditions: [], writes }, NEVER);
        await using snapshot = await engine.snapshot();
        const found: Bytes[] = [];
        for await (const batch of snapshot.scan({ gte: FIRST, lt: Buffer.alloc(8, 0xff) })) {
          for (const { key, value } of batch) {
            expect(compareBytes(key, value)).toBe(0);
            found.push(key);
          }
        }
        expect(found.map((key) => Buffer.from(key))).toEqual(sorted);
        for (const key of sorted) expect(compareBytes((await snapshot.get(key))!, key)).toBe(0);
        expect(await snapshot.get(Buffer.from([0x61, 0, 1]))).toBeUndefined();
      }));

    test('ends above the last key without showing what the engine keeps for itself', () =>
      withEngine(subject, async (engine) => {
        await commit(engine, { a: '1' });
        await using snapshot = await engine.snapshot();
        const everything = { gte: FIRST, lt: Buffer.alloc(16, 0xff) };
        expect(await scan(snapshot, everything)).toEqual(['a=1']);
        expect(await scan(snapshot, { ...everything, reverse: true, limit: 1 })).toEqual(['a=1']);
      }));

    test('promise 7: the batches of a large range are bounded in bytes', () =>
      withEngine(subject, async (engine) => {
        const valueBytes = 100_000;
        for (let i = 0; i < 40; i++) await commit(engine, { [`k${i + 10}`]: 'v'.repeat(valueBytes) });
        await using snapshot = await engine.snapshot();
        for (const reverse of [false, true]) {
          const keys: string[] = [];
          for await (const batch of snapshot.scan({ gte: FIRST, lt: LAST, reverse })) {
            expect(bytesOf(batch.slice(0, -1))).toBeLessThan(SCAN_BATCH_BYTES_MAX);
            for (const { key } of batch) keys.push(text(key)!);
          }
          const expected = Array.from({ length: 40 }, (_, i) => `k${i + 10}`);
          expect(keys).toEqual(reverse ? expected.toReversed() : expected);
        }
      }));

    test('can be left early, and several run at once on one snapshot', () =>
      withEngine(subject, async (engine) => {
        const writes: Record<string, string> = {};
        for (let i = 0; i < 4000; i++) writes[`k${String(i).padStart(5, '0')}`] = 'x'.repeat(1000);
        await commit(engine, writes);
        await using snapshot = await engine.snapshot();
        for await (const batch of snapshot.scan({ gte: FIRST, lt: LAST })) {
          expect(text(batch[0]!.key)).toBe('k00000');
          break;
        }
        const [up, down] = await Promise.all([
          scan(snapshot, { gte: FIRST, lt: LAST }),
          scan(snapshot, { gte: FIRST, lt: LAST, reverse: true }),
        ]);
        expect(up).toHaveLength(4000);
        expect(down.toReversed()).toEqual(up);
      }));

    test('random commits and ranges agree with a sorted map', () =>
      withEngine(subject, async (engine) => {
        const seed = 20261121;
        const random = new SeededRandom(seed);
        const model = new Map<string, string>();
        const key = () =>
          bytes(
            Array.from({ length: random.int(1, 3) }, () => random.pick(['a', 'b', 'c', '\0', '\xfe'])).join(
              '',
            ),
          );
        for (let round = 0; round < 150; round++) {
          const writes: Record<string, string | undefined> = {};
          for (let i = random.int(1, 6); i > 0; i--) {
            writes[text(key())!] = random.chance(0.4) ? undefined : `${round}.${i}`;
          }
          await commit(engine, writes);
          for (const [name, value] of Object.entries(writes)) {
            if (value === undefined) model.delete(name);
            else model.set(name, value);
          }
          const range = { gte: key(), lt: key(), reverse: random.chance(0.5), limit: random.int(1, 40) };
          const inside = [...model].filter(
            ([name]) => compareBytes(bytes(name), range.gte) >= 0 && compareBytes(bytes(name), range.lt) < 0,
          );
          inside.sort(([a], [b]) => compareBytes(bytes(a), bytes(b)) * (range.reverse ? -1 : 1));
          const expected = inside.slice(0, range.limit).map(([name, value]) => `${name}=${value}`);
          await using snapshot = await engine.snapshot();
          expect(await scan(snapshot, range), `seed ${seed}, round ${round}`).toEqual(expected);
        }
      }));
  });
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}
