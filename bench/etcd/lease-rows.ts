import type { Group } from './group.ts';
import type { Sizes } from './sizes.ts';

const CONNECTIONS = 16;
const PER_STREAM = 16;

/** Leases that are there, kept alive in turn as fast as the server can. */
export function leaseGroups({ leases }: Sizes): readonly Group[] {
  const title = `Keep-alive, ${leases.toLocaleString('en')} leases, ${CONNECTIONS} streams x ${PER_STREAM}`;
  return [
    {
      rows: [{ name: 'lease-keep-alive', title, operation: 'call' }],
      async prepare(session) {
        await session.connect(CONNECTIONS);
        await session.generator.task('grantLeases', { leases });
      },
      async run(session) {
        const { generator, sizes } = session;
        await session.connect(CONNECTIONS);
        const result = await generator.task('keepAlives', {
          ...{ leases, perStream: PER_STREAM, warmMs: sizes.warmMs, measureMs: sizes.measureMs },
        });
        return { 'lease-keep-alive': result };
      },
    },
  ];
}
