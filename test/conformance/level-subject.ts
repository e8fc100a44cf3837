import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelEngine } from '../../src/engine/level/index.ts';
import type { Opened, OpenOptions } from './subject.ts';

/** A LevelDB engine in a directory of its own. */
export async function openLevelSubject(options: OpenOptions): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), 'engram-level-'));
  const open = () => LevelEngine.open({ directory, ...options });
  const engines = [await open()];
  return {
    engine: engines[0]!,
    reopen: async () => {
      const engine = await open();
      engines.push(engine);
      return engine;
    },
    dispose: async () => {
      for (const engine of engines) await engine.close();
      await rm(directory, { recursive: true });
    },
  };
}
