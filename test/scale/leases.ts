import { Connection, decodeResponse, encodeRequest } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';
import type { Suite } from '../support/suite.ts';
import { eventually, print } from '../support/suite.ts';
import { load } from './load.ts';
import { within } from './memory.ts';
import { MeasuredServer } from '../support/measured-server.ts';

const KEEP_ALIVE = '/etcdserverpb.Lease/LeaseKeepAlive';
/** As in etcd, 500 leases end in each half second. */
const EXPIRIES_PER_SECOND = 1000;
const TTL_LONG = 600;
const TTL_SHORT = 3;
/** Dearer by more than this with ten times as many would not be O(log n). */
const GROWTH_MAX = 2.5;

export interface LeaseSizes {
  readonly leases: number;
}

export const LEASES_FULL: LeaseSizes = { leases: 100_000 };
export const LEASES_SHORT: LeaseSizes = { leases: 10_000 };

export async function checkLeases(suite: Suite, { leases }: LeaseSizes): Promise<void> {
  const many = `${leases.toLocaleString('en')} leases`;
  await suite.check(`leases: ${many} kept alive, at the cost of ten times fewer`, async () => {
    const few = await keptAlive(leases / 10);
    const all = await keptAlive(leases);
    print(
      `  CPU of a keep-alive: ${few.toFixed(1)} us with ${leases / 10}, ${all.toFixed(1)} us with ${leases}`,
    );
    within('cost with ten times as many (%)', (all / few) * 100, GROWTH_MAX * 100);
  });
  await suite.check(`leases: ${many} expire`, () => expire(leases));
}

/** CPU time of the server for one keep-alive, in microseconds, once so many leases exist. */
async function keptAlive(leases: number): Promise<number> {
  const server = await MeasuredServer.engram();
  try {
    await server.start();
    await grant(server, leases, TTL_LONG);
    // As often with few leases as with many: the first ones are dearer, before the code is compiled.
    const calls = 40_000;
    await sendKeepAlives(server, leases, calls / 4);
    const cpu = server.cpuSeconds();
    await sendKeepAlives(server, leases, calls);
    return ((server.cpuSeconds() - cpu) * 1e6) / calls;
  } finally {
    await server.remove();
  }
}

/** One stream, a hundred requests under way. Each must be answered with the lease's full time. */
async function sendKeepAlives(server: MeasuredServer, leases: number, calls: number): Promise<void> {
  const connection = new Connection(server.target);
  connection.open(1, KEEP_ALIVE);
  const stream = connection.stream(1);
  let [sent, answered] = [0, 0];
  while (answered < calls) {
    while (sent < calls && sent - answered < 100)
      stream.send(encodeRequest(KEEP_ALIVE, { ID: 1 + ((sent++ * 7919) % leases) }));
    await new Promise((resolve) => setImmediate(resolve));
    for (const message of stream.take()) {
      const { TTL } = decodeResponse(KEEP_ALIVE, message);
      if (Number(TTL) !== TTL_LONG) throw new Error(`A lease has ${String(TTL)} s`);
      answered++;
    }
    if (stream.error !== undefined) throw new Error(stream.error.text);
  }
  connection.close();
}

async function expire(leases: number): Promise<void> {
  const server = await MeasuredServer.engram();
  try {
    await server.start();
    const startMs = performance.now();
    await grant(server, leases, TTL_SHORT);
    const grantedMs = performance.now() - startMs;
    // What expires does so at the pace of the ticks, also while others are granted; then the rest.
    const most = (leases / EXPIRIES_PER_SECOND + TTL_SHORT) * 1000 * 1.5 + 5000;
    const cpu = server.cpuSeconds();
    const began = await remaining(server);
    await eventually('the end of all leases', most, async () => {
      const left = await remaining(server);
      return left === 0 ? true : undefined;
    });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const micros = ((server.cpuSeconds() - cpu) * 1e6) / Math.max(1, began);
    print(
      `  granted in ${grantedMs.toFixed(0)} ms, all gone after ${seconds} s, CPU ${micros.toFixed(0)} us each`,
    );
  } finally {
    await server.remove();
  }
}

async function grant(server: MeasuredServer, leases: number, ttl: number): Promise<void> {
  const connections = { callers: 256, connections: 16, valueBytes: 0 };
  await load({ target: server.target, kind: 'grant', count: leases, ttl, ...connections });
}

async function remaining(server: MeasuredServer): Promise<number> {
  const { leases } = await server.call('Lease/LeaseLeases', {});
  return (leases as Message[]).length;
}
