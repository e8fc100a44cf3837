import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeRequest } from '../../test/etcd/protocol.ts';
import type { Message } from '../../test/etcd/protocol.ts';
import { MESSAGE_HEAD_BYTES } from '../../test/support/frames.ts';
import type { Group, Row, Session } from './group.ts';
import type { Measurement } from './measurement.ts';

const run = promisify(execFile);
const KEY = Buffer.from('/registry/pods/h2load');
const VALUE_BYTES = 512;
const CONNECTIONS = 16;
const STREAMS = 16;
const CALLS_MIN = 1000;

interface Load {
  readonly row: Row;
  readonly method: 'Range' | 'Put';
  readonly message: Message;
}

const value = Buffer.alloc(VALUE_BYTES, 'v');

function loadOf(name: string, title: string, { method, message }: Pick<Load, 'method' | 'message'>): Load {
  const row = { name: `h2load-${name}`, title: `${title}, one key, by h2load`, operation: 'call' };
  return { row, method, message };
}

const loads: readonly Load[] = [
  loadOf('range-linearizable', 'Range linearizable', { method: 'Range', message: { key: KEY } }),
  loadOf('range-serializable', 'Range serializable', {
    method: 'Range',
    message: { key: KEY, serializable: true },
  }),
  loadOf('put', 'Put', { method: 'Put', message: { key: KEY, value } }),
];

/** Why there is no h2load, or undefined. */
export async function h2loadMissing(): Promise<string | undefined> {
  try {
    await run('h2load', ['--version']);
    return undefined;
  } catch {
    return 'h2load rows: h2load is not installed (on Debian, the package nghttp2-client)';
  }
}

/**
 * The same as the first rows from a generator that is not ours. It sees no grpc-status: the size of the answers, and
 * the number of revisions, must be right.
 */
export const h2loadGroup: Group = {
  rows: loads.map(({ row }) => row),
  async run(session) {
    const measured: Record<string, Measurement> = {};
    await session.connect(1);
    await session.server.call('KV/Put', { key: KEY, value });
    for (const load of loads)
      if (session.wants(load.row.name)) measured[load.row.name] = await measure(session, load);
    return measured;
  },
};

async function measure({ server, generator, sizes }: Session, load: Load): Promise<Measurement> {
  const path = `/etcdserverpb.KV/${load.method}`;
  const request = encodeRequest(path, load.message);
  const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
  head.writeUInt32BE(request.length, 1);
  const file = join(server.directory, 'h2load-request');
  writeFileSync(file, Buffer.concat([head, request]));
  const args = [
    ...['-c', String(CONNECTIONS), '-m', String(STREAMS), '-t', '1', '-d', file],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', `http://${server.target}${path}`],
  ];
  // So many calls and not so long: what is under way when its time is over h2load does not count.
  const warm = await run('h2load', ['-n', String(sizes.keys), ...args]);
  const perSecond = Number(/, ([\d.]+) req\/s/.exec(warm.stdout)?.[1] ?? 0);
  const calls = Math.max(CALLS_MIN, Math.round((perSecond * sizes.measureMs) / 1000));
  const before = await generator.task('revision', {});
  const cpu = server.cpuSeconds();
  const { stdout } = await run('h2load', ['-n', String(calls), ...args]);
  const serverCpuMicros = (server.cpuSeconds() - cpu) * 1e6;
  const revisions = (await generator.task('revision', {})) - before;
  return { ...readH2load(stdout, load, revisions), serverCpuMicros };
}

/** Reads what h2load prints. */
export function readH2load(
  text: string,
  { method }: Pick<Load, 'method'>,
  revisions: number,
): Omit<Measurement, 'serverCpuMicros'> {
  const seconds = durationMs(/finished in ([\d.]+\w+),/.exec(text)?.[1]) / 1000;
  const succeeded = Number(/(\d+) succeeded/.exec(text)?.[1] ?? 0);
  const failed = Number(/(\d+) failed/.exec(text)?.[1] ?? 0);
  const dataBytes = Number(/\((\d+)\) data/.exec(text)?.[1] ?? 0);
  const meanMs = durationMs(/time for request: +\S+ +\S+ +(\S+)/.exec(text)?.[1]);
  const failures: Record<string, number> = failed === 0 ? {} : { 'not HTTP 200': failed };
  if (method === 'Range' && dataBytes < succeeded * VALUE_BYTES) failures['answers without the value'] = 1;
  if (method === 'Put' && revisions !== succeeded)
    failures[`${revisions} revisions by ${succeeded} puts`] = 1;
  const noPercentiles = { p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
  const elapsedMs = Math.max(1, seconds * 1000);
  return {
    ...noPercentiles,
    operations: succeeded,
    elapsedMs,
    generatorCpuMicros: 0,
    failures,
    extra: { meanMs },
  };
}

function durationMs(text: string | undefined): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text ?? '') ?? [];
  const scales: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1000 };
  return Number(number ?? NaN) * (scales[unit ?? ''] ?? NaN);
}
