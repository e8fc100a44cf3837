import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { Scheduler } from '../../src/base/index.ts';
import { TikvEngine } from '../../src/engine/tikv/index.ts';
import type { TikvEngineOptions } from '../../src/engine/tikv/index.ts';
import type { TestCluster } from '../support/tikv/cluster.ts';
import type { Opened, OpenOptions } from './subject.ts';

const scheduler: Scheduler = {
  soon: (run) => void setImmediate(run),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export const tikvEnvironment: TikvEngineOptions['environment'] = {
  clock: { nowMs: () => performance.now() },
  scheduler,
  random: new SeededRandom(1),
  logger: silentLogger,
};

let keyspaces = 0;

/** TiKV engines that share one cluster, each with a key prefix of its own. */
export function tikvSubject(
  cluster: () => Pick<TestCluster, 'pd' | 'tls' | 'keyPrefix'>,
  limits: NonNullable<TikvEngineOptions['limits']> = {},
): (options: OpenOptions) => Promise<Opened> {
  return async (options) => {
    const { pd, tls, keyPrefix: root = '' } = cluster();
    const keyPrefix = Buffer.from(`${root}conformance/${process.pid}/${keyspaces++}/`);
    const open = () =>
      TikvEngine.open({
        ...{ pd, environment: tikvEnvironment, keyPrefix, ...(tls && { tls }) },
        limits: { ...limits, ...options },
      });
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
        // What ends with a connection ends in a later turn.
        await sleep(0);
      },
    };
  };
}
