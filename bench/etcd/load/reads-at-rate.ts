import { setTimeout as rest } from 'node:timers/promises';
import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { processCpuMicros } from '../../../test/support/process-figures.ts';
import { Latencies } from './latencies.ts';
import { Rate } from './rate.ts';
import { Created, shapeOf } from './shapes.ts';
import type { LoopResult, RateTask } from './tasks.ts';

/** Point reads at a rate that leaves the server idle: how long each takes tells what else holds the server up. */
export async function readsAtRate(
  connections: readonly RawConnection[],
  task: RateTask,
  serverPid: number,
): Promise<LoopResult> {
  const latencies = new Latencies();
  const failures: Record<string, number> = {};
  let succeeded = 0;
  const rate = new Rate({
    connections,
    shape: shapeOf('range', { ...task, clients: 1 }, new Created(0)),
    perSecond: task.perSecond,
    answered: (elapsedMs) => {
      succeeded++;
      latencies.record(elapsedMs);
    },
    failed: (what) => (failures[what] = (failures[what] ?? 0) + 1),
  });
  await rest(task.warmMs);
  latencies.clear();
  const cpu = processCpuMicros(serverPid);
  const own = process.cpuUsage();
  const startMs = performance.now();
  await rest(task.measureMs);
  const operations = latencies.count;
  const elapsedMs = performance.now() - startMs;
  const serverCpuMicros = processCpuMicros(serverPid) - cpu;
  const { user, system } = process.cpuUsage(own);
  await rate.stop();
  return {
    ...latencies.summary(),
    ...{ operations, elapsedMs, serverCpuMicros, generatorCpuMicros: user + system, failures, succeeded },
  };
}
