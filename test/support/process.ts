import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const temporaryDirectory = (label: string): string => mkdtempSync(join(tmpdir(), `engram-${label}-`));

/** The built program, as a user starts it. */
export const ENGRAM_MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

/** A program in a process of its own, its output in a file. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const children = new Set<ChildProcess>();

/** Ends what this process has started and not ended: a check that fails midway leaves its servers behind. */
export function killChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}

export function start(
  command: string,
  args: readonly string[],
  logFile: string,
  env: NodeJS.ProcessEnv = {},
): Running {
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    child,
    pid: child.pid!,
    exited,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
    },
  };
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.once('error', (error) => resolve({ code: -1, stdout, stderr: String(error) }));
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout, stderr });
    });
    // A program that reads no input may have ended before it is written; how it ended is told by `close`.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where ports are taken from that the system gives to nobody by itself: above those of well-known services. */
const PORT_MIN = 15_000;
const given = new Set<number>();

/**
 * A port of 127.0.0.1 on which nobody listens, for a program that has to know its port before it starts. Until that has
 * bound it, somebody else could: so it is not one of those that the system hands out to whoever connects, or asks for any.
 */
export async function freePort(): Promise<number> {
  const end = firstPortOfSystem();
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = end - PORT_MIN < 1000 ? 0 : randomInt(PORT_MIN, end);
    const bound = given.has(port) ? undefined : await boundTo(port);
    if (bound === undefined) continue;
    given.add(bound);
    return bound;
  }
  throw new Error('Cannot find a free port');
}

function firstPortOfSystem(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    // Not Linux. The others begin at 49,152.
    return 32_768;
  }
}

/** The port, given back at once; 0 asks for any. Undefined when somebody has it. */
function boundTo(wanted: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
