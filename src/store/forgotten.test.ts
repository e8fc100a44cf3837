import { expect, it } from 'vitest';
import type { Entry } from '../engine/index.ts';
import { GatedEngine, put, range, StoreWorld } from '../../test/property/store-world.ts';
import { AlarmType } from './results.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });
const EVERYTHING = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };

it('promise 1: a store that was set back under its node raises CORRUPT there, and nothing is written any more', async () => {
  const engine = new GatedEngine();
  const world = await StoreWorld.open({}, engine);
  await world.put(put('a', '1'));
  const backup: Entry[] = [];
  await using before = await engine.snapshot();
  for await (const entries of before.scan(EVERYTHING)) backup.push(...entries);
  await world.put(put('a', '2'));
  await engine.commit({ conditions: [], writes: backup }, new AbortController().signal);

  await expect(world.put(put('a', '3'))).rejects.toEqual(refused('Timeout'));
  const { alarms, refusal } = world.store.status();
  expect(alarms).toEqual([{ member: world.store.memberId('node'), alarm: AlarmType.corrupt }]);
  expect(refusal).toBe('Corrupt');
  await expect(world.put(put('a', '4'))).rejects.toEqual(refused('Corrupt'));
  await expect(world.grant(1n, 60)).rejects.toEqual(refused('Corrupt'));
  await expect(world.range(range('a'))).rejects.toEqual(refused('Corrupt'));
  // Memory still holds what was acknowledged and is lost in the store.
  expect((await world.range(range('a', '', { serializable: true }))).kvs).toMatchObject([{ value: '2' }]);
  await using after = await engine.snapshot();
  const left: Entry[] = [];
  for await (const entries of after.scan({ ...EVERYTHING, reverse: true, limit: 1 })) left.push(...entries);
  expect(left).toEqual([backup.at(-1)]);
});
