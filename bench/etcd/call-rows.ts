import type { Group, Measurements, Row, Session } from './group.ts';
import type { ShapeName } from './load/shapes.ts';
import { withFailure } from './measurement.ts';
import type { Measurement } from './measurement.ts';

/** As kube-apiserver's objects are at their smallest, and as the other benchmarks of etcd have them. */
const VALUE_BYTES = 512;
const CONNECTIONS = 16;
const clientCounts = [1, 16, 256, 1000] as const;
/** Over TLS: one number of clients is enough to see what TLS costs. */
const SECURE_CLIENTS = 256;

interface Loop {
  readonly row: Row;
  readonly shape: Kind;
  readonly clients: number;
}

type Kind = Exclude<ShapeName, 'load' | 'keepAlive'>;

const titles: Readonly<Record<Kind, string>> = {
  range: 'Range of a key, linearizable',
  rangeSerializable: 'Range of a key, serializable',
  put: 'Put, durable',
  create: 'Txn create',
  update: 'Txn update',
  delete: 'Txn delete',
};
const names: Readonly<Record<Kind, string>> = {
  range: 'range-linearizable',
  rangeSerializable: 'range-serializable',
  put: 'put',
  create: 'create',
  update: 'update',
  delete: 'delete',
};

function loopOf(shape: Kind, clients: number, isSecure: boolean): Loop {
  const over = isSecure ? ', mutual TLS' : '';
  const many = clients === 1 ? '1 client' : `${clients.toLocaleString('en')} clients`;
  const name = `${isSecure ? 'tls-' : ''}${names[shape]}-${clients}`;
  return { row: { name, title: `${titles[shape]}, ${many}${over}`, operation: 'call' }, shape, clients };
}

/** Point reads and writes of 512-byte values in closed loops; updates and deletes are of what the creates made. */
export const callGroups: readonly Group[] = [groupOf(false), groupOf(true)];

function groupOf(isSecure: boolean): Group {
  const counts = isSecure ? [SECURE_CLIENTS] : clientCounts;
  const reads = (['range', 'rangeSerializable'] as const).map((shape) =>
    loopOf(shape, SECURE_CLIENTS, isSecure),
  );
  const puts = counts.map((clients) => loopOf('put', clients, isSecure));
  const chains = counts.map((clients) =>
    (['create', 'update', 'delete'] as const).map((shape) => loopOf(shape, clients, isSecure)),
  );
  const loops = [...reads, ...puts];
  return {
    rows: [...loops, ...chains.flat()].map(({ row }) => row),
    isSecure,
    async run(session) {
      const measured: Record<string, Measurement> = {};
      if (loops.some(({ row }) => session.wants(row.name))) {
        await session.connect(CONNECTIONS);
        await session.generator.task('fill', {
          prefix: pointPrefix,
          keys: session.sizes.keys,
          valueBytes: VALUE_BYTES,
        });
      }
      for (const loop of loops)
        if (session.wants(loop.row.name)) measured[loop.row.name] = await runLoop(session, loop, pointPrefix);
      for (const chain of chains) Object.assign(measured, await runChain(session, chain));
      return measured;
    },
  };
}

const pointPrefix = '/registry/pods/point/';

/** Whoever wants updates or deletes needs what comes before them. */
async function runChain(session: Session, chain: readonly Loop[]): Promise<Measurements> {
  const last = chain.findLastIndex(({ row }) => session.wants(row.name));
  const measured: Record<string, Measurement> = {};
  for (const loop of chain.slice(0, last + 1)) {
    const prefix = `/registry/pods/chain-${loop.clients}/`;
    const measurement = await runLoop(session, loop, prefix);
    if (session.wants(loop.row.name)) measured[loop.row.name] = measurement;
  }
  return measured;
}

async function runLoop(session: Session, { shape, clients }: Loop, prefix: string): Promise<Measurement> {
  const { generator, sizes } = session;
  await session.connect(Math.min(clients, CONNECTIONS));
  const before = await generator.task('revision', {});
  const result = await generator.task('calls', {
    ...{ shape, clients, prefix, keys: sizes.keys, valueBytes: VALUE_BYTES },
    // Deletes are as many as there are keys: none is spent unmeasured.
    warmMs: shape === 'delete' ? 0 : sizes.warmMs,
    measureMs: sizes.measureMs,
  });
  const revisions = (await generator.task('revision', {})) - before;
  const expected = shape === 'range' || shape === 'rangeSerializable' ? 0 : result.succeeded;
  if (revisions === expected) return result;
  return withFailure(result, `${revisions} revisions were made by ${expected} writes`);
}
