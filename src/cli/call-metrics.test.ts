/** Goal: what etcd calls proposals is told of the calls that may write. Method: counters of methods, as the services fill them. */
import { expect, test } from 'vitest';
import type { MethodCounters } from '../server/index.ts';
import { callMetrics } from './call-metrics.ts';

function counters(
  path: string,
  started: number,
  handled: Readonly<Record<number, number>> = {},
): MethodCounters {
  const [service = '', method = ''] = path.split('/');
  const codes = new Float64Array(17);
  for (const [code, count] of Object.entries(handled)) codes[Number(code)] = count;
  const bytes = { receivedBytes: 0, sentBytes: 0, messagesReceived: 0, messagesSent: 0 };
  return { service, method, kind: 'unary', started, handled: codes, ...bytes };
}

function read(name: string, entries: readonly MethodCounters[]): unknown {
  return callMetrics(entries)
    .find((metric) => metric.name === name)
    ?.read();
}

test('calls that may write are pending until they are answered', () => {
  const entries = [
    counters('etcdserverpb.KV/Put', 10, { 0: 6, 14: 1, 4: 1 }),
    counters('etcdserverpb.Lease/LeaseGrant', 3, { 0: 2 }),
    counters('etcdserverpb.KV/Range', 9),
    counters('etcdserverpb.Watch/Watch', 5),
  ];
  expect(read('etcd_server_proposals_pending', entries)).toBe(3);
});

test('those failed that came to nothing, and not those that were wrong', () => {
  const entries = [
    counters('etcdserverpb.KV/Txn', 100, { 0: 50, 1: 1, 3: 20, 4: 2, 8: 10, 14: 4 }),
    counters('etcdserverpb.Maintenance/Alarm', 9, { 14: 8 }),
    counters('etcdserverpb.KV/Range', 9, { 14: 9 }),
  ];
  expect(read('etcd_server_proposals_failed_total', entries)).toBe(15);
});
