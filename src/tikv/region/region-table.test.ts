import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../base/index.ts';
import { region } from '../../../test/support/tikv/scripted-cluster.ts';
import { Region } from './region.ts';
import { RegionTable } from './region-table.ts';

function make(id: bigint, bounds: [string, string], version = 5n, confVer = 3n): Region {
  return new Region(region(id, bounds, { epoch: { version, confVer } }));
}

function tableOf(...regions: Region[]): RegionTable {
  const table = new RegionTable(new SeededRandom(1));
  for (const one of regions) expect(table.insert(one)).toBe(true);
  return table;
}

function names(table: RegionTable): string[] {
  return table.all().map(({ id, start, end }) => `${id}[${start.toString()},${end.toString()})`);
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('a table of regions', () => {
  test('finds the region of a key, and of the keys below one', () => {
    const table = tableOf(make(3n, ['t', '']), make(1n, ['', 'd']), make(2n, ['d', 'm']));
    const found = (key: string): bigint | undefined => table.find(bytes(key))?.id;
    const below = (key: string): bigint | undefined => table.findBelow(bytes(key))?.id;
    expect(['', 'c', 'd', 'lz', 'm', 's', 't', 'zz'].map(found)).toEqual([
      1n,
      1n,
      2n,
      2n,
      undefined,
      undefined,
      3n,
      3n,
    ]);
    expect(['', 'a', 'd', 'd0', 'm', 'n', 't', 'u'].map(below)).toEqual([
      3n,
      1n,
      1n,
      2n,
      2n,
      undefined,
      undefined,
      3n,
    ]);
    expect(table.gapAt(bytes('o'))).toEqual({ start: bytes('m'), end: bytes('t') });
    expect(table.gapBelow(bytes('t'))).toEqual({ start: bytes('m'), end: bytes('t') });
    table.remove(table.find(bytes('t'))!);
    expect(table.gapBelow(bytes(''))).toEqual({ start: bytes('m'), end: bytes('') });
  });

  test('a newer region takes the place of all that it overlaps', () => {
    const table = tableOf(make(1n, ['', 'd']), make(2n, ['d', 'm']), make(3n, ['m', '']));
    expect(table.insert(make(2n, ['c', 'n'], 6n))).toBe(true);
    expect(names(table)).toEqual(['2[c,n)']);
    expect(table.insert(make(4n, ['', ''], 7n))).toBe(true);
    expect(names(table)).toEqual(['4[,)']);
  });

  test.each([
    ['another that overlaps has a higher version', make(1n, ['a', 'm'], 6n), make(2n, ['l', 'z'], 5n)],
    ['it has itself a higher version', make(1n, ['a', 'm'], 6n), make(1n, ['a', 'z'], 5n)],
    ['it has itself other peers since', make(1n, ['a', 'm'], 5n, 4n), make(1n, ['a', 'm'], 5n, 3n)],
  ])('an older region changes nothing: %s', (_, known, late) => {
    const table = tableOf(known);
    expect(table.insert(late)).toBe(false);
    expect(table.all()).toEqual([known]);
    table.replace(late);
    expect(table.all()).toEqual([late]);
  });

  test('neighbours are no overlap', () => {
    const table = tableOf(make(1n, ['a', 'm'], 9n));
    expect(table.insert(make(2n, ['m', 'z'], 1n))).toBe(true);
    expect(table.insert(make(3n, ['', 'a'], 1n))).toBe(true);
    expect(names(table)).toEqual(['3[,a)', '1[a,m)', '2[m,z)']);
  });

  test('removes what it is told and not what has taken its place', () => {
    const old = make(1n, ['a', 'm']);
    const table = tableOf(old);
    table.insert(make(1n, ['a', 'm'], 6n));
    table.remove(old);
    expect(table.count).toBe(1);
    table.remove(table.find(bytes('a'))!);
    expect(table.count).toBe(0);
  });

  test('holds no more than it may; the newest stays', () => {
    const table = new RegionTable(new SeededRandom(7), 10);
    for (let i = 0; i < 100; i++) {
      const start = String((i * 37) % 100).padStart(3, '0');
      table.insert(make(BigInt(i + 1), [start, `${start}~`]));
      expect(table.count).toBeLessThanOrEqual(10);
      expect(table.find(bytes(start))?.id).toBe(BigInt(i + 1));
    }
    const starts = table.all().map(({ start }) => start.toString());
    expect(starts).toEqual(starts.toSorted());
  });
});
