import type { Group, Row, Session } from './group.ts';
import type { Measurement } from './measurement.ts';

/** One stream on each. */
const CONNECTIONS = 16;

interface FanOut {
  readonly row: Row;
  readonly watchers: number;
  readonly putsPerSecond: number;
  readonly valueBytes: number;
}

function fanOut(watchers: number, putsPerSecond: number, valueBytes: 512 | 1024): FanOut {
  const many = watchers.toLocaleString('en');
  const value = valueBytes === 512 ? '512 B' : '1 KiB';
  const title = `Watch, ${many} watchers x ${putsPerSecond.toLocaleString('en')} puts/s, ${value}`;
  const name = `watch-${watchers}x${putsPerSecond}${valueBytes === 512 ? '' : '-1k'}`;
  return { row: { name, title, operation: 'event' }, watchers, putsPerSecond, valueBytes };
}

const fanOuts: readonly FanOut[] = [
  fanOut(10, 500, 1024),
  fanOut(10, 2000, 1024),
  fanOut(100, 500, 512),
  fanOut(100, 2000, 512),
  fanOut(100, 2000, 1024),
  fanOut(1000, 500, 1024),
  fanOut(1000, 2000, 512),
];

/** Watchers of one prefix on 16 streams, and puts at a fixed rate. Each on a new server: backlogs do not pile up. */
export const watchGroups: readonly Group[] = fanOuts.map((one) => ({
  rows: [one.row],
  run: async (session) => ({ [one.row.name]: await measure(session, one) }),
}));

async function measure(
  session: Session,
  { watchers, putsPerSecond, valueBytes }: FanOut,
): Promise<Measurement> {
  const { sizes } = session;
  await session.connect(CONNECTIONS + 1);
  const { puts, delivered, expected, drainedMs, ...measurement } = await session.generator.task('watches', {
    ...{ watchers, putsPerSecond, valueBytes },
    ...{ warmMs: sizes.watchWarmMs, measureMs: sizes.watchMs, drainMs: sizes.watchDrainMs },
  });
  return {
    ...measurement,
    extra: {
      putsPerSecond: (puts * 1000) / sizes.watchMs,
      inTimePercent: (100 * measurement.operations) / Math.max(1, expected),
      deliveredPercent: (100 * delivered) / Math.max(1, expected),
      drainedMs,
    },
  };
}
