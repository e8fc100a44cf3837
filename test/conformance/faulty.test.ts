import { NO_FAULTS } from '../../src/engine/faulty/index.ts';
import type { FaultPlan } from '../../src/engine/faulty/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { engineConformance } from './engine-conformance.ts';
import { faulty } from './faulty-subject.ts';
import { openLevelSubject } from './level-subject.ts';
import type { Opened, OpenOptions } from './subject.ts';

/** Every call takes a while, all of them as long, so that none overtakes another. */
const SLOW: FaultPlan = {
  commit: () => ({ kind: 'answered', delayMs: 1, answerMs: 1 }),
  read: () => ({ kind: 'answered', delayMs: 1 }),
};

function openMemory(options: OpenOptions): Promise<Opened> {
  const inner = new MemoryEngine(options);
  return Promise.resolve({ engine: inner, dispose: () => inner.close() });
}

engineConformance({ name: 'faulty(memory) without faults', open: faulty(openMemory, NO_FAULTS) });
engineConformance({ name: 'faulty(memory), slow', open: faulty(openMemory, SLOW) });
engineConformance({ name: 'faulty(level) without faults', open: faulty(openLevelSubject, NO_FAULTS) });
