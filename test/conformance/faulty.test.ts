import { SeededRandom } from '../../src/base/index.ts';
import type { Scheduler } from '../../src/base/index.ts';
import { FaultyEngine, FaultyStore, NO_FAULTS } from '../../src/engine/faulty/index.ts';
import type { FaultPlan } from '../../src/engine/faulty/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { engineConformance } from './engine-conformance.ts';
import type { Opened, OpenOptions, Subject } from './subject.ts';
import { openLevelSubject } from './level-subject.ts';

const scheduler: Scheduler = {
  soon: (run) => void setImmediate(run),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
/** Every call takes a while, all of them as long, so that none overtakes another. */
const SLOW: FaultPlan = {
  commit: () => ({ kind: 'answered', delayMs: 1, answerMs: 1 }),
  read: () => ({ kind: 'answered', delayMs: 1 }),
};

function wrap(inner: Engine, plan: FaultPlan): Engine {
  const store = new FaultyStore({ inner, scheduler, random: new SeededRandom(1), plan });
  return new FaultyEngine(store, 'conformance', scheduler);
}

function openMemory(options: OpenOptions): Promise<Opened> {
  const inner = new MemoryEngine(options);
  return Promise.resolve({ engine: inner, dispose: () => inner.close() });
}

/** The suite on a wrapper around the engines of another subject. */
function faulty(open: Subject['open'], plan: FaultPlan): Subject['open'] {
  return async (options) => {
    const inner = await open(options);
    const engine = wrap(inner.engine, plan);
    return {
      engine,
      dispose: async () => {
        await engine.close();
        await inner.dispose();
      },
      ...(inner.reopen !== undefined && {
        reopen: async () => {
          await inner.engine.close();
          return wrap((await inner.reopen?.()) ?? inner.engine, plan);
        },
      }),
    };
  };
}

engineConformance({ name: 'faulty(memory) without faults', open: faulty(openMemory, NO_FAULTS) });
engineConformance({ name: 'faulty(memory), slow', open: faulty(openMemory, SLOW) });
engineConformance({ name: 'faulty(level) without faults', open: faulty(openLevelSubject, NO_FAULTS) });
