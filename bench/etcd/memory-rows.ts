import { setTimeout as rest } from 'node:timers/promises';
import type { Group, Session } from './group.ts';
import { Latencies } from './load/latencies.ts';
import type { Measurement } from './measurement.ts';
import type { Sizes } from './sizes.ts';

const CLIENTS = 256;
const CONNECTIONS = 16;
const VALUE_BYTES = 256;
/** With the eight digits behind it, a key has 64 bytes. */
const PREFIX = '/registry/pods/many/'.padEnd(56, 'x');
const LOAD_MS_MAX = 600_000;
const MIB = 2 ** 20;

/** What a million keys take, and how long a start with them: once, because a load of them is long and its spread small. */
export function memoryGroups({ manyKeys }: Sizes): readonly Group[] {
  const many = `${manyKeys.toLocaleString('en')} keys of 64 B with ${VALUE_BYTES} B`;
  return [
    {
      rows: [
        { name: 'memory', title: `Memory of ${many}, put by ${CLIENTS} clients`, operation: 'put' },
        { name: 'start', title: `Start with ${many}`, operation: 'start' },
      ],
      roundsMax: 1,
      async run(session) {
        const loaded = await load(session);
        const { start, restartedMiB } = await starts(session);
        const memory = { ...loaded, extra: { ...loaded.extra, restartedMiB } };
        return { memory, start };
      },
    },
  ];
}

async function load({ connect, generator, server, sizes }: Session): Promise<Measurement> {
  await connect(CONNECTIONS);
  const { succeeded, ...result } = await generator.task('calls', {
    ...{ shape: 'load', clients: CLIENTS, keys: sizes.manyKeys, valueBytes: VALUE_BYTES, prefix: PREFIX },
    ...{ warmMs: 0, measureMs: LOAD_MS_MAX },
  });
  await rest(sizes.restMs);
  const { resident, anonymous } = server.residentMiB();
  const failures =
    succeeded === sizes.manyKeys ? result.failures : { ...result.failures, [`${succeeded} puts`]: 1 };
  const extra = { residentMiB: resident, anonymousMiB: anonymous, diskMiB: server.diskBytes() / MIB };
  return { ...result, failures, extra };
}

/** Each from the program's start to the first answer, on the same data; all keys must be there. */
async function starts(session: Session): Promise<{ start: Measurement; restartedMiB: number }> {
  const { server, sizes } = session;
  const latencies = new Latencies();
  const failures: Record<string, number> = {};
  let serverCpuMicros = 0;
  const startMs = performance.now();
  for (let at = 0; at < sizes.starts; at++) {
    await server.stop();
    latencies.record(await server.start());
    serverCpuMicros += server.cpuSeconds() * 1e6;
  }
  const elapsedMs = performance.now() - startMs;
  const range = { key: Buffer.from(PREFIX), range_end: Buffer.from(`${PREFIX}~`), count_only: true };
  const { count } = await server.call('KV/Range', range);
  if (Number(count) !== sizes.manyKeys) failures[`${String(count)} keys after a restart`] = 1;
  await rest(sizes.restMs);
  const restartedMiB = server.residentMiB().resident;
  const operations = latencies.count;
  const start = {
    ...latencies.summary(),
    operations,
    elapsedMs,
    serverCpuMicros,
    generatorCpuMicros: 0,
    failures,
  };
  return { start, restartedMiB };
}
