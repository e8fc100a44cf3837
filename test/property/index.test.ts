import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { NONE } from '../../src/index/index.ts';
import { IndexDriver } from './index-driver.ts';

const operations = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'transaction',
      'transaction',
      'burst',
      'big',
      'overwrite',
      'removeSome',
      'removeMost',
      'commit',
      'commit',
      'pop',
      'compact',
      'trim',
      'trim',
      'evacuate',
      'bulk',
      'openWalk',
      'stepWalks',
      'compare',
    ),
    size: fc.integer({ min: 1, max: 150 }),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

/** Also many that end in zeros and begin alike. */
const anyKey = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 6 }),
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 1, maxLength: 9 })
    .map((list) => Uint8Array.from(list)),
);

function apply(driver: IndexDriver, kind: string, size: number): void {
  switch (kind) {
    case 'transaction':
      return driver.transaction(1 + (size % 10), 0.3, size);
    case 'burst':
      return driver.transaction(size * 3, 0.1, size % 20);
    case 'big':
      return driver.transaction(1 + (size % 12), 0.2, size * 9000);
    case 'overwrite':
      for (let i = 0; i < size; i++)
        driver.add(driver.change(driver.model.revision + 1, 0, false, i, Buffer.from('hot')));
      return;
    case 'removeSome':
      return driver.removeAll(size / 150);
    case 'removeMost':
      return driver.removeAll(0.98);
    case 'bulk':
      return driver.bulk(size);
    case 'commit':
      return driver.commit();
    case 'pop':
      return driver.pop();
    case 'compact':
      return driver.compact();
    case 'trim':
      return driver.trim();
    case 'evacuate':
      return driver.evacuate();
    case 'openWalk':
      return driver.openWalk();
    case 'stepWalks':
      return driver.stepWalks();
    default:
      return driver.compare();
  }
}

describe('KeyIndex against a list of all changes', () => {
  test.prop([operations, fc.integer(), fc.constantFrom(0, 5000, 1e6, Infinity)], { numRuns: 60 })(
    'any operations in any order',
    (list, seed, historyBytesInMemoryMax) => {
      const driver = new IndexDriver(seed, historyBytesInMemoryMax);
      for (const { kind, size } of list) apply(driver, kind, size);
      driver.finish();
    },
  );

  test.prop([operations, fc.integer()], { numRuns: 20 })(
    'a replay in bulk, with the compaction known before or met on the way, gives the same index',
    (list, seed) => {
      const driver = new IndexDriver(seed, Infinity);
      for (const { kind, size } of list) apply(driver, kind, size);
      driver.finish();
      const again = new IndexDriver(seed, Infinity);
      const met = again.random.int(0, driver.model.changes.length);
      again.index.beginBulk();
      for (const [i, change] of driver.model.changes.entries()) {
        if (i === met) again.index.compactTo((again.compacted = again.trimmed = driver.trimmed));
        again.add(change);
      }
      again.index.compactTo((again.compacted = again.trimmed = driver.trimmed));
      again.index.endBulk();
      again.committed = again.model.revision;
      again.finish();
    },
  );

  test.prop([fc.array(anyKey, { maxLength: 500, size: 'max' }), fc.boolean()])(
    'keys of any bytes are in order, loaded in bulk or one by one',
    (list, bulk) => {
      const driver = new IndexDriver(1, Infinity);
      if (bulk) driver.index.beginBulk();
      for (const [i, key] of list.entries()) driver.add(driver.change(i + 2, 0, false, 1, key));
      if (bulk) driver.index.endBulk();
      driver.finish();
      for (const key of list) expect(driver.index.find(key)).not.toBe(NONE);
    },
  );
});
