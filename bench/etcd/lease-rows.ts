import type { Group, Measurements, Session } from './group.ts';
import type { Measurement } from './measurement.ts';
import type { Sizes } from './sizes.ts';

const CONNECTIONS = 16;
const PER_STREAM = 16;

const CLIENTS = 256;

/** Leases that are there, kept alive in turn as fast as the server can. */
export function leaseGroups({ leases }: Sizes): readonly Group[] {
  const many = `${leases.toLocaleString('en')} leases`;
  return [
    {
      rows: [
        {
          name: 'lease-keep-alive',
          title: `Keep-alive, ${many}, ${CONNECTIONS} streams x ${PER_STREAM}`,
          operation: 'call',
        },
        {
          name: 'lease-keep-alive-once',
          title: `Keep-alive, ${many}, a stream each, ${CLIENTS} clients`,
          operation: 'call',
        },
      ],
      async prepare(session) {
        await session.connect(CONNECTIONS);
        await session.generator.task('grantLeases', { leases });
      },
      run: measure,
    },
  ];
}

async function measure({ generator, sizes, connect, wants }: Session): Promise<Measurements> {
  const { leases, warmMs, measureMs } = sizes;
  const measured: Record<string, Measurement> = {};
  if (wants('lease-keep-alive')) {
    await connect(CONNECTIONS);
    const task = { leases, perStream: PER_STREAM, warmMs, measureMs };
    measured['lease-keep-alive'] = await generator.task('keepAlives', task);
  }
  if (wants('lease-keep-alive-once')) {
    await connect(CONNECTIONS);
    const task = { shape: 'keepAlive', clients: CLIENTS, keys: leases, valueBytes: 0, prefix: '' } as const;
    measured['lease-keep-alive-once'] = await generator.task('calls', { ...task, warmMs, measureMs });
  }
  return measured;
}
