import { expect, it } from 'vitest';
import { EngineError } from '../../engine/index.ts';
import { FakeNode } from '../../../test/support/fake-node.ts';
import { GatedEngine, put, StoreWorld, turns } from '../../../test/property/store-world.ts';
import { healthChecks } from './checks.ts';

it('a full disk shows as the alarm NOSPACE until a write gets through', async () => {
  const engine = new GatedEngine();
  const world = await StoreWorld.open({}, engine);
  const checks = healthChecks({ store: world.store, node: new FakeNode() });
  engine.uncertain = new EngineError('no_space', 'Cannot write to x: the disk is full (0 bytes free)');
  const stuck = world.put(put('a'));
  await turns();
  await world.time.advance(1500);
  expect(checks.alarms()).toEqual(['NOSPACE']);
  expect(await checks.linearizableRead()).toBeUndefined();
  engine.uncertain = undefined;
  await world.time.advance(3000);
  await stuck;
  expect(checks.alarms()).toEqual([]);
});
