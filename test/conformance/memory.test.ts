import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { engineConformance } from './engine-conformance.ts';

engineConformance({
  name: 'memory',
  open: (options) => {
    const engine = new MemoryEngine(options);
    return Promise.resolve({ engine, dispose: () => engine.close() });
  },
});
