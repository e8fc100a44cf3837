import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../../scripts/tools.ts';
import { decodeResponse, encodeRequest } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';
import { ENGRAM_MAIN, freePort, temporaryDirectory } from '../support/process.ts';
import { Skipped } from '../support/suite.ts';
import { RawConnection } from './raw-connection.ts';

/** A server under test, in a process of its own, that can be stopped and started again on its directory. */
export class ScaleServer {
  readonly name: string;
  readonly directory: string;
  readonly target: string;
  readonly #command: string;
  readonly #args: readonly string[];
  /** etcd's own errors of a stop tell nothing here. */
  readonly #stderr: 'inherit' | 'ignore';
  #child: ChildProcess | undefined;

  private constructor(
    name: string,
    port: number,
    program: { directory: string; command: string; args: string[] },
  ) {
    this.name = name;
    this.target = `127.0.0.1:${port}`;
    this.directory = program.directory;
    this.#command = program.command;
    this.#args = program.args;
    this.#stderr = program.command === process.execPath ? 'inherit' : 'ignore';
  }

  /** The built Engram. */
  static async engram(extra: readonly string[] = []): Promise<ScaleServer> {
    const [port, directory] = [await freePort(), temporaryDirectory('scale')];
    const args = [
      ENGRAM_MAIN,
      'serve',
      `--data-dir=${directory}/data`,
      `--listen-client-urls=http://127.0.0.1:${port}`,
      '--listen-metrics-urls=http://127.0.0.1:0',
      '--log-level=error',
      ...extra,
    ];
    return new ScaleServer('Engram', port, { directory, command: process.execPath, args });
  }

  static async etcd(version = '3.7.3'): Promise<ScaleServer> {
    const tool = await findTool('etcd', { version });
    if (tool.kind === 'missing') throw new Skipped(tool.reason);
    const [port, peer, directory] = [await freePort(), await freePort(), temporaryDirectory('scale-etcd')];
    const args = [
      `--data-dir=${directory}/data`,
      `--listen-client-urls=http://127.0.0.1:${port}`,
      `--advertise-client-urls=http://127.0.0.1:${port}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-cluster=default=http://127.0.0.1:${peer}`,
      ...['--log-level=error', '--quota-backend-bytes=8589934592'],
    ];
    return new ScaleServer(`etcd ${version}`, port, { directory, command: tool.path, args });
  }

  /** Starts it. Milliseconds from the start of the program to the first answered Range. */
  async start(): Promise<number> {
    const startMs = performance.now();
    const child = spawn(this.#command, this.#args, { stdio: ['ignore', 'ignore', this.#stderr] });
    this.#child = child;
    for (;;) {
      if (child.exitCode !== null)
        throw new Error(`Cannot start ${this.name}: it ended with ${child.exitCode}`);
      const answered = await this.#isAnswering();
      if (answered) return performance.now() - startMs;
      if (performance.now() - startMs > 120_000) throw new Error(`Cannot reach ${this.name} within 120 s`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #isAnswering(): Promise<boolean> {
    try {
      await this.call('KV/Range', { key: Buffer.from('a') });
      return true;
    } catch {
      // Not listening yet, or not ready.
      return false;
    }
  }

  /** One call on a connection of its own. */
  async call(method: string, message: Message): Promise<Message> {
    const path = `/etcdserverpb.${method}`;
    const connection = await RawConnection.to(this.target);
    try {
      const response = await new Promise<Buffer | undefined>((resolve) =>
        connection.call(path, encodeRequest(path, message), resolve),
      );
      if (response === undefined) throw new Error(`Cannot call ${method} of ${this.name}: it failed`);
      return decodeResponse(path, response);
    } finally {
      connection.close();
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resident memory in MiB, and what of it is anonymous: the rest is of files. */
  residentMiB(): { resident: number; anonymous: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
    return { resident: Math.round(field('VmRSS')), anonymous: Math.round(field('RssAnon')) };
  }

  /** User and system time of the process so far, in seconds. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Bytes of all its files. */
  diskBytes(): number {
    const bytes = (path: string): number =>
      readdirSync(path, { withFileTypes: true }).reduce((sum, entry) => {
        const inner = join(path, entry.name);
        if (entry.isDirectory()) return sum + bytes(inner);
        // LevelDB deletes tables while they are looked at.
        return sum + (statSync(inner, { throwIfNoEntry: false })?.size ?? 0);
      }, 0);
    return bytes(join(this.directory, 'data'));
  }
}
