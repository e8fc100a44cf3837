import { SeededRandom } from '../../src/base/index.ts';
import type { Scheduler } from '../../src/base/index.ts';
import { FaultyEngine, FaultyStore } from '../../src/engine/faulty/index.ts';
import type { FaultPlan } from '../../src/engine/faulty/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import type { Subject } from './subject.ts';

const scheduler: Scheduler = {
  soon: (run) => void setImmediate(run),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

function wrap(inner: Engine, plan: FaultPlan): Engine {
  const store = new FaultyStore({ inner, scheduler, random: new SeededRandom(1), plan });
  return new FaultyEngine(store, 'conformance', scheduler);
}

/** The suite on a wrapper around the engines of another subject. */
export function faulty(open: Subject['open'], plan: FaultPlan): Subject['open'] {
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
