import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { findTool } from '../../scripts/tools.ts';
import { Skipped } from '../support/suite.ts';
import type { Span } from '../support/machine-stalls.ts';
import { monotonicMs } from '../support/monotonic.ts';
import { addLine, emptyHistory } from './history.ts';
import type { History, Put } from './history.ts';

export interface LoadOptions {
  /** Of all keys; a load must not find those of another. */
  readonly prefix: string;
  readonly endpoints: readonly string[];
}

const BEGIN_MS_MAX = 30_000;

/** The Go program of go-load/, running, and what it has told so far. */
export class Load {
  readonly history: History = emptyHistory();
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #hasBegun = false;
  #isWhole = false;
  #trouble = '';

  private constructor(binary: string, { prefix, endpoints }: LoadOptions) {
    const args = [`-endpoints=${endpoints.join(',')}`, `-prefix=${prefix}`];
    // One of two cores is enough for it: what it measures are the servers.
    const env = { ...process.env, GOMAXPROCS: '1' };
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#child = child;
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    createInterface(child.stdout).on('line', (line) => {
      const type = addLine(this.history, line);
      if (type === 'begun') this.#hasBegun = true;
      if (type === 'ended') this.#isWhole = true;
    });
    child.stderr.on('data', (text: Buffer) => (this.#trouble += text.toString()));
    this.#ended = new Promise((resolve) =>
      child.once('close', (code) => {
        process.off('exit', kill);
        resolve(code);
      }),
    );
  }

  /** Resolves when all parts of the load are under way. Throws `Skipped` when the program cannot be built. */
  static async start(options: LoadOptions): Promise<Load> {
    const tool = await findTool('cluster-load');
    if (tool.kind === 'missing') throw new Skipped(tool.reason);
    const load = new Load(tool.path, options);
    await load.#until('its first write', BEGIN_MS_MAX, () => load.#hasBegun);
    return load;
  }

  /** Ends the writers, waits until every watcher has seen the last write, and gives all that was told. */
  async stop(): Promise<History> {
    this.#child.kill('SIGTERM');
    const code = await this.#ended;
    if (!this.#isWhole)
      throw new Error(`The load ended with ${code} before its end: ${this.#trouble.slice(-2000)}`);
    return this.history;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** The first write that began after a time and is acknowledged. */
  async acknowledgedAfter(ms: number, withinMs: number): Promise<Put> {
    let at = this.history.puts.length;
    let found: Put | undefined;
    await this.#until('an acknowledged write', withinMs, () => {
      for (; at < this.history.puts.length; at++) {
        const put = this.history.puts[at]!;
        if (put.error === undefined && put.startMs >= ms) {
          found ??= put;
          return true;
        }
      }
      return false;
    });
    if (found === undefined) throw new Error('No write was acknowledged');
    return found;
  }

  async #until(what: string, withinMs: number, isSo: () => boolean): Promise<void> {
    const untilMs = monotonicMs() + withinMs;
    while (!isSo()) {
      if (this.#child.exitCode !== null)
        throw new Error(`The load ended with ${this.#child.exitCode}: ${this.#trouble.slice(-2000)}`);
      if (monotonicMs() > untilMs) throw new Error(`The load has not seen ${what} within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** The longest time without a write that was acknowledged, between two times. */
export function longestGap({ puts }: History, { fromMs, toMs }: Span): Span {
  const ends = puts
    .filter(({ error, endMs }) => error === undefined && endMs >= fromMs && endMs <= toMs)
    .map(({ endMs }) => endMs)
    .sort((a, b) => a - b);
  let longest = { fromMs, toMs: fromMs };
  let last = fromMs;
  for (const endMs of [...ends, toMs]) {
    if (endMs - last > lengthMs(longest)) longest = { fromMs: last, toMs: endMs };
    last = endMs;
  }
  return longest;
}

export function lengthMs({ fromMs, toMs }: Span): number {
  return toMs - fromMs;
}

/** Median and worst, for a line of a report. */
export function summary(spans: readonly Span[]): string {
  const sorted = spans.map(lengthMs).sort((a, b) => a - b);
  return `median ${Math.round(medianOf(sorted))} ms, worst ${Math.round(sorted.at(-1) ?? NaN)} ms of ${sorted.length}`;
}

export function medianOf(timesMs: readonly number[]): number {
  const sorted = timesMs.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}
