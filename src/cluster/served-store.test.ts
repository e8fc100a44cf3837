/** Goal: a start waits for a shared engine that does not answer, and for nothing that waiting cannot mend. */
import { expect, it } from 'vitest';
import { StoreWorld, TestTime, turns } from '../../test/property/store-world.ts';
import { SeededRandom, silentLogger } from '../base/index.ts';
import { EngineError } from '../engine/index.ts';
import type { Snapshot } from '../engine/index.ts';
import { MemoryEngine } from '../engine/memory/index.ts';
import { NO_FAULTS } from './faults.ts';
import { ServedStore } from './served-store.ts';

class AwayEngine extends MemoryEngine {
  reads = 0;
  failure: Error | undefined;
  override readonly capabilities: MemoryEngine['capabilities'];

  constructor(shared: boolean) {
    super();
    this.capabilities = { shared, durable: false, commitBytesMax: 1024 * 1024 };
  }

  override snapshot(): Promise<Snapshot> {
    this.reads++;
    return this.failure === undefined ? super.snapshot() : Promise.reject(this.failure);
  }
}

async function world(shared: boolean, failure: Error) {
  const engine = new AwayEngine(shared);
  await StoreWorld.open({}, engine);
  Object.assign(engine, { failure, reads: 0 });
  const time = new TestTime();
  const stop = new AbortController();
  const store = {
    ...{ engine, clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger },
    ...{ keyspace: 'test', name: 'node', lease: { holds: () => false }, signal: stop.signal },
  };
  const told: unknown[] = [];
  const nothing = (): void => undefined;
  const opening = ServedStore.open({
    ...{ store, index: undefined, requestTimeoutMs: 7000, faults: NO_FAULTS },
    ...{ swept: nothing, corrupt: nothing, failed: nothing },
  });
  opening.then(
    ({ store: { sequence } }) => told.push(sequence > 0),
    (error: unknown) => told.push(error),
  );
  await turns();
  return { engine, time, stop, told };
}

it('a start reads the log again and again while an engine that others share does not answer', async () => {
  const { engine, time, told } = await world(true, new EngineError('unavailable', 'away'));
  await time.advance(4500);
  expect([engine.reads, told]).toEqual([5, []]);
  engine.failure = undefined;
  await time.advance(1000);
  expect(told).toEqual([true]);
});

it('a start throws at once what trying again cannot help, and all of an engine of its own', async () => {
  const closed = new EngineError('closed', 'closed');
  const first = await world(true, closed);
  await first.time.advance(10);
  expect(first.told).toEqual([closed]);
  const away = new EngineError('unavailable', 'away');
  const second = await world(false, away);
  await second.time.advance(10);
  expect(second.told).toEqual([away]);
});

it('a start ends with why it was aborted', async () => {
  const { time, stop, told } = await world(true, new EngineError('unavailable', 'away'));
  await time.advance(1500);
  stop.abort(new Error('enough'));
  await time.advance(10);
  expect(told).toEqual([new Error('enough')]);
});
