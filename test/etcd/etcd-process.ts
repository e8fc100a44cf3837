import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/process.ts';
import { Connection, encodeRequest } from './protocol.ts';

/** A server in a process of its own, on a port of its own, with a directory of its own. */
export interface ServerProcess {
  /** `host:port` for clients. */
  readonly target: string;
  readonly pid: number;
  readonly directory: string;
  /** Ends it in order and starts it again on the same data and ports. */
  restart(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export async function startEtcd(binary: string, extra: readonly string[] = []): Promise<ServerProcess> {
  const [client, peer] = [await freePort(), await freePort()];
  return startServer(
    binary,
    (directory) => [
      `--data-dir=${directory}/data`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-cluster=default=http://127.0.0.1:${peer}`,
      // Its errors are what the requests ask for, and the end of its listeners.
      '--log-level=fatal',
      ...extra,
    ],
    client,
  );
}

/** The built Engram, as a user starts it. */
export async function startEngram(extra: readonly string[] = [], metricsPort = 0): Promise<ServerProcess> {
  const client = await freePort();
  const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
  return startServer(
    process.execPath,
    (directory) => [
      main,
      'serve',
      `--data-dir=${directory}/data`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--listen-metrics-urls=http://127.0.0.1:${metricsPort}`,
      '--log-level=error',
      ...extra,
    ],
    client,
  );
}

async function startServer(
  binary: string,
  args: (directory: string) => string[],
  port: number,
): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'engram-differential-'));
  const target = `127.0.0.1:${port}`;
  let running = await startChild(target, binary, args(directory));
  return {
    target,
    get pid() {
      return running.child.pid!;
    },
    directory,
    async restart() {
      running.child.kill('SIGTERM');
      await running.exited;
      running = await startChild(target, binary, args(directory));
    },
    async stop(signal = 'SIGTERM') {
      running.child.kill(signal);
      await running.exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function startChild(
  target: string,
  binary: string,
  args: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly exited: Promise<void> }> {
  const child = spawn(binary, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  await ready(target, child);
  return { child, exited };
}

async function ready(target: string, child: { exitCode: number | null }): Promise<void> {
  const connection = new Connection(target);
  const path = '/etcdserverpb.KV/Range';
  const request = encodeRequest(path, { key: Buffer.from('a') });
  const untilMs = Date.now() + 30_000;
  for (;;) {
    if ((await connection.call(path, request)).error === undefined) break;
    if (child.exitCode !== null) throw new Error(`Cannot start the server: it exited with ${child.exitCode}`);
    if (Date.now() > untilMs) throw new Error(`Cannot reach the server on ${target} within 30 s`);
    await sleep(100);
  }
  connection.close();
}
