import type { MethodCounters } from '../server/index.ts';
import type { MetricDefinition, Sample } from '../telemetry/index.ts';
import { counter, gauge } from './metric-kinds.ts';

const GRPC_TYPES = { unary: 'unary', serverStream: 'server_stream', bidi: 'bidi_stream' } as const;

/** Names of gRPC's codes, as grpc-go-prometheus writes them. */
const CODE_NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

/** What etcd proposes to Raft: calls that can end with something written. */
const WRITES: ReadonlySet<string> = new Set([
  ...['Put', 'DeleteRange', 'Txn', 'Compact'].map((method) => `etcdserverpb.KV/${method}`),
  ...['LeaseGrant', 'LeaseRevoke'].map((method) => `etcdserverpb.Lease/${method}`),
  'etcdserverpb.Maintenance/Alarm',
]);

/** A refusal of what is wrong with the request is none; these are what etcd ends a proposal with that came to nothing. */
const FAILED_CODES = (['Canceled', 'DeadlineExceeded', 'Unavailable'] as const).map((name) =>
  CODE_NAMES.indexOf(name),
);

function endedCalls({ handled }: MethodCounters): number {
  return handled.reduce((total, count) => total + count, 0);
}

/** In the order of the alphabet, as Go's client writes them: there are scripts that look for a line as it stands. */
const CALL_LABELS = ['grpc_method', 'grpc_service', 'grpc_type'];

/** What has been counted of the services' methods. */
export function callMetrics(counters: readonly MethodCounters[]): MetricDefinition[] {
  const perMethod = (
    name: string,
    help: string,
    value: (entry: MethodCounters) => number,
  ): MetricDefinition => ({
    name,
    help,
    kind: 'counter',
    labels: CALL_LABELS,
    read: () => counters.map((entry) => ({ labels: callLabels(entry), value: value(entry) })),
  });
  const writes = counters.filter(({ service, method }) => WRITES.has(`${service}/${method}`));
  const sumOfWrites = (value: (entry: MethodCounters) => number): number =>
    writes.reduce((total, entry) => total + value(entry), 0);
  const sum = (value: (entry: MethodCounters) => number): number =>
    counters.reduce((total, entry) => total + value(entry), 0);
  return [
    gauge(
      'etcd_server_proposals_pending',
      'Calls of clients that may write, which have come and are not answered.',
      () => sumOfWrites((entry) => entry.started - endedCalls(entry)),
    ),
    counter(
      'etcd_server_proposals_failed_total',
      'Calls of clients that may write, which timed out, lost their leader, or were given up by the client.',
      () => sumOfWrites((entry) => FAILED_CODES.reduce((total, code) => total + entry.handled[code]!, 0)),
    ),
    perMethod(
      'grpc_server_started_total',
      'Total number of RPCs started on the server.',
      (entry) => entry.started,
    ),
    perMethod(
      'grpc_server_msg_received_total',
      'Total number of RPC stream messages received on the server.',
      (entry) => entry.messagesReceived,
    ),
    perMethod(
      'grpc_server_msg_sent_total',
      'Total number of gRPC stream messages sent by the server.',
      (entry) => entry.messagesSent,
    ),
    {
      name: 'grpc_server_handled_total',
      help: 'Total number of RPCs completed on the server, regardless of success or failure.',
      kind: 'counter',
      labels: ['grpc_code', ...CALL_LABELS],
      read: () => counters.flatMap(handledSamples),
    },
    counter(
      'etcd_network_client_grpc_received_bytes_total',
      'The total number of bytes received from grpc clients.',
      () => sum((entry) => entry.receivedBytes),
    ),
    counter(
      'etcd_network_client_grpc_sent_bytes_total',
      'The total number of bytes sent to grpc clients.',
      () => sum((entry) => entry.sentBytes),
    ),
  ];
}

function callLabels(entry: MethodCounters): Record<string, string> {
  return { grpc_method: entry.method, grpc_service: entry.service, grpc_type: GRPC_TYPES[entry.kind] };
}

function handledSamples(entry: MethodCounters): Sample[] {
  const samples: Sample[] = [];
  CODE_NAMES.forEach((code, at) => {
    const value = entry.handled[at]!;
    if (value > 0) samples.push({ labels: { grpc_code: code, ...callLabels(entry) }, value });
  });
  return samples;
}
