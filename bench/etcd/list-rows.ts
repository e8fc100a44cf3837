import { setTimeout as rest } from 'node:timers/promises';
import type { Group, Measurements, Row, Session } from './group.ts';
import type { ListMode } from './load/tasks.ts';
import type { Measurement } from './measurement.ts';
import { growthMiB } from './peak.ts';
import type { Sizes } from './sizes.ts';

const PREFIX = '/registry/pods/list/';
const CONNECTIONS = 16;
const KIB = 1024;
/** Point reads while lists run: few enough for an idle server. */
const READS_PER_SECOND = 2000;

interface Shape {
  readonly name: string;
  readonly keys: keyof Sizes['listKeys'];
  readonly valueBytes: number;
  readonly text: string;
  /** Point reads are measured beside these lists. */
  readonly hasReads?: boolean;
}

const shapes: readonly Shape[] = [
  { name: 'list-10k-1k', keys: '10k', valueBytes: KIB, text: '1 KiB' },
  { name: 'list-100k-100b', keys: '100k', valueBytes: 100, text: '100 B' },
  { name: 'list-100k-1k', keys: '100k', valueBytes: KIB, text: '1 KiB', hasReads: true },
  { name: 'list-100k-10k', keys: '100k', valueBytes: 10 * KIB, text: '10 KiB' },
];

/** In this order: what a server keeps of one kind's garbage must not hide how much the next one needs. */
const modes: readonly ListMode[] = ['stream', 'keys', 'pages', 'unary'];
const modeTexts: Readonly<Record<ListMode, string>> = {
  stream: 'RangeStream',
  keys: 'keys only',
  pages: 'pages of 500',
  unary: 'unary',
};

/** Lists of all keys of a prefix, one at a time, with how far memory grows; each data set is loaded once. */
export function listGroups(sizes: Sizes): readonly Group[] {
  return shapes.map((shape) => {
    const keys = sizes.listKeys[shape.keys];
    const what = `${keys.toLocaleString('en')} x ${shape.text}`;
    const rows: readonly Row[] = modes.map((mode) => ({
      name: `${shape.name}-${mode}`,
      title: `List of ${what}, ${modeTexts[mode]}`,
      operation: 'list',
    }));
    const reads: readonly Row[] = [
      { name: 'reads-idle', title: `Point reads, ${READS_PER_SECOND}/s, nothing else`, operation: 'call' },
      {
        name: 'reads-during-lists',
        title: `Point reads, ${READS_PER_SECOND}/s, while lists of ${what} run`,
        operation: 'call',
      },
    ];
    return {
      rows: shape.hasReads === true ? [...rows, ...reads] : rows,
      async prepare(session) {
        await session.connect(CONNECTIONS);
        await session.generator.task('fill', { prefix: PREFIX, keys, valueBytes: shape.valueBytes });
      },
      async run(session) {
        const lists = await runLists(session, shape);
        return shape.hasReads === true ? { ...lists, ...(await runReads(session, shape)) } : lists;
      },
    };
  });
}

async function runLists(session: Session, shape: Shape): Promise<Measurements> {
  const measured: Record<string, Measurement> = {};
  for (const mode of modes) {
    const row = `${shape.name}-${mode}`;
    if (!session.wants(row) || (mode === 'stream' && session.kind === 'etcd-3.6')) continue;
    // Streams are first on the server; the others' garbage would be room for a whole answer.
    if (mode === 'unary') await session.restart();
    measured[row] = await runList(session, shape, mode);
  }
  return measured;
}

async function runList(session: Session, { keys, valueBytes }: Shape, mode: ListMode): Promise<Measurement> {
  const { generator, sizes, server } = session;
  await session.connect(1);
  await rest(sizes.settleMs);
  const task = { mode, prefix: PREFIX, keys: sizes.listKeys[keys], valueBytes, warmLists: 1 };
  const { result, growth } = await growthMiB(server.pid, () =>
    generator.task('lists', { ...task, listsMin: sizes.listsMin, measureMs: sizes.measureMs }),
  );
  const { bytes, pages, ...measurement } = result;
  const megabytes = bytes / 1e6;
  return {
    ...measurement,
    extra: {
      growthMiB: growth,
      megabytesPerSecond: (megabytes * 1000) / measurement.elapsedMs,
      callCpuMicros: measurement.serverCpuMicros / Math.max(1, pages),
    },
  };
}

/** Lists come from a generator of their own, so that reading them does not delay the reads' answers. */
async function runReads(session: Session, { keys, valueBytes }: Shape): Promise<Measurements> {
  const { generator, sizes } = session;
  if (!session.wants('reads-idle') && !session.wants('reads-during-lists')) return {};
  await session.connect(CONNECTIONS);
  const task = { prefix: PREFIX, keys: sizes.listKeys[keys], valueBytes };
  const reads = {
    ...task,
    ...{ perSecond: READS_PER_SECOND, warmMs: sizes.warmMs, measureMs: 2 * sizes.measureMs },
  };
  const idle = await generator.task('readsAtRate', reads);
  const lister = await session.anotherGenerator(1);
  try {
    // Longer than the reads: they end first.
    const listMs = reads.warmMs + reads.measureMs;
    const lists = lister.task('lists', {
      ...task,
      mode: 'unary',
      warmLists: 0,
      listsMin: 1,
      measureMs: listMs,
    });
    const busy = await generator.task('readsAtRate', reads);
    const listed = await lists;
    const extra = { listsPerSecond: (listed.operations * 1000) / listed.elapsedMs, idleP99Ms: idle.p99Ms };
    const failures = { ...busy.failures, ...listed.failures };
    return { 'reads-idle': idle, 'reads-during-lists': { ...busy, failures, extra } };
  } finally {
    await lister.stop();
  }
}
