import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../scripts/tools.ts';
import { decodeResponse, encodeRequest } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';
import { ENGRAM_MAIN, freePort } from './process.ts';
import { processCpuMicros, residentBytes } from './process-figures.ts';
import { RawClient } from './raw/raw-client.ts';
import type { RawTls } from './raw/raw-connection.ts';
import { Skipped } from './suite.ts';

/** Certificates of a server that wants them of its clients too, and what a client then needs. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly client: RawTls;
}

export interface MeasuredOptions {
  /** More flags. */
  readonly extra?: readonly string[];
  /** Where its directory is made. @default os.tmpdir() */
  readonly parent?: string;
  /** Another build of Engram: the path of its `cli/main.js`. @default that in dist/ */
  readonly main?: string;
  /** Flags of Node for Engram, such as those of its profiler. */
  readonly node?: readonly string[];
  readonly tls?: ServerTls;
}

interface Program {
  readonly name: string;
  readonly command: string;
  readonly port: number;
  readonly directory: string;
  readonly args: readonly string[];
  readonly tls: RawTls | undefined;
}

const START_MS_MAX = 120_000;
const MIB = 2 ** 20;

/** A server under test, in a process of its own, that can be stopped and started again on its directory. */
export class MeasuredServer {
  readonly name: string;
  readonly directory: string;
  readonly target: string;
  readonly tls: RawTls | undefined;
  readonly #program: Program;
  #child: ChildProcess | undefined;

  private constructor(program: Program) {
    this.#program = program;
    this.name = program.name;
    this.target = `127.0.0.1:${program.port}`;
    this.directory = program.directory;
    this.tls = program.tls;
  }

  /** The built Engram. */
  static async engram(options: MeasuredOptions = {}): Promise<MeasuredServer> {
    const [port, directory] = [await freePort(), directoryFor(options)];
    const args = [
      ...(options.node ?? []),
      options.main ?? ENGRAM_MAIN,
      'serve',
      `--data-dir=${directory}/data`,
      `--listen-client-urls=${urlOf(port, options)}`,
      '--listen-metrics-urls=http://127.0.0.1:0',
      '--log-level=error',
      ...tlsFlags(options),
      ...(options.extra ?? []),
    ];
    const tls = options.tls?.client;
    return new MeasuredServer({ name: 'Engram', command: process.execPath, port, directory, args, tls });
  }

  static async etcd(version = '3.7.3', options: MeasuredOptions = {}): Promise<MeasuredServer> {
    const tool = await findTool('etcd', { version });
    if (tool.kind === 'missing') throw new Skipped(tool.reason);
    const [port, peer, directory] = [await freePort(), await freePort(), directoryFor(options)];
    const args = [
      `--data-dir=${directory}/data`,
      `--listen-client-urls=${urlOf(port, options)}`,
      `--advertise-client-urls=${urlOf(port, options)}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-cluster=default=http://127.0.0.1:${peer}`,
      ...['--log-level=error', '--quota-backend-bytes=8589934592'],
      ...tlsFlags(options),
      ...(options.extra ?? []),
    ];
    const [name, tls] = [`etcd ${version}`, options.tls?.client];
    return new MeasuredServer({ name, command: tool.path, port, directory, args, tls });
  }

  /** Starts it. Milliseconds from the start of the program to the first answered Range. */
  async start(): Promise<number> {
    const { command, args } = this.#program;
    const startMs = performance.now();
    // etcd's own errors of a stop tell nothing here.
    const stderr = command === process.execPath ? 'inherit' : 'ignore';
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', stderr] });
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    this.#child = child;
    for (;;) {
      if (child.exitCode !== null)
        throw new Error(`Cannot start ${this.name}: it ended with ${child.exitCode}`);
      const answered = await this.#isAnswering();
      if (answered) return performance.now() - startMs;
      if (performance.now() - startMs > START_MS_MAX)
        throw new Error(`Cannot reach ${this.name} within 120 s`);
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
    const client = await RawClient.to({
      target: this.target,
      ...(this.tls === undefined ? {} : { tls: this.tls }),
    });
    try {
      const answer = await client.ask(path, encodeRequest(path, message));
      if (answer.status !== 0)
        throw new Error(`Cannot call ${method} of ${this.name}: status ${answer.status} ${answer.text}`);
      return decodeResponse(path, answer.message);
    } finally {
      client.close();
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

  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  /** Resident memory in MiB, and what of it is anonymous: the rest is of files. */
  residentMiB(): { resident: number; anonymous: number } {
    const { resident, anonymous } = residentBytes(this.pid);
    return { resident: Math.round(resident / MIB), anonymous: Math.round(anonymous / MIB) };
  }

  /** User and system time of the process so far, in seconds. */
  cpuSeconds(): number {
    return processCpuMicros(this.pid) / 1e6;
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
    return bytes(this.dataDirectory);
  }
}

function directoryFor({ parent }: MeasuredOptions): string {
  return mkdtempSync(join(parent ?? tmpdir(), 'engram-measured-'));
}

function urlOf(port: number, { tls }: MeasuredOptions): string {
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
}

/** etcd's flags, which are Engram's. */
function tlsFlags({ tls }: MeasuredOptions): string[] {
  if (tls === undefined) return [];
  return [
    `--cert-file=${tls.certFile}`,
    `--key-file=${tls.keyFile}`,
    `--trusted-ca-file=${tls.caFile}`,
    '--client-cert-auth',
  ];
}
