import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MeasuredOptions, MeasuredServer, ServerTls } from '../../test/support/measured-server.ts';
import { mutualTls } from './authority.ts';
import { Generator } from './generator.ts';
import type { Group, Measurements, Session } from './group.ts';
import type { Measurement } from './measurement.ts';
import { newServer, serverTitle } from './servers.ts';
import type { ServerKind } from './servers.ts';
import type { Sizes } from './sizes.ts';

export interface RunOptions {
  readonly groups: readonly Group[];
  readonly servers: readonly ServerKind[];
  readonly rounds: number;
  readonly sizes: Sizes;
  /** Whether a row is to be measured. */
  readonly wants: (row: string) => boolean;
  /** Which build of Engram, and with which flags of Node. */
  readonly engram: Pick<MeasuredOptions, 'main' | 'node'>;
  readonly say: (line: string) => void;
}

/** Row -> server -> one measurement a round. */
export type Results = Map<string, Map<ServerKind, Measurement[]>>;

/** In the file system that the sources are in, and not in one that is memory. */
const cache = join(import.meta.dirname, '..', '..', 'node_modules', '.cache');

/** Runs groups one after the other; in each, the servers take turns: A B C, A B C. */
export async function runAll(options: RunOptions): Promise<Results> {
  mkdirSync(cache, { recursive: true });
  const parent = mkdtempSync(join(cache, 'bench-etcd-'));
  const remove = (): void => rmSync(parent, { recursive: true, force: true });
  process.once('exit', remove);
  const results: Results = new Map();
  try {
    for (const group of options.groups) {
      if (!group.rows.some(({ name }) => options.wants(name))) continue;
      await new GroupRun(group, options, parent).run(results);
    }
    return results;
  } finally {
    process.off('exit', remove);
    remove();
  }
}

class GroupRun {
  readonly #group: Group;
  readonly #options: RunOptions;
  readonly #parent: string;
  /** Filled once, and started again in each round. */
  readonly #prepared = new Map<ServerKind, MeasuredServer>();
  #tls: ServerTls | undefined;

  constructor(group: Group, options: RunOptions, parent: string) {
    this.#group = group;
    this.#options = options;
    this.#parent = parent;
  }

  async run(results: Results): Promise<void> {
    const { rounds, servers, say } = this.#options;
    const kinds = servers.filter((kind) => this.#group.servers?.includes(kind) ?? true);
    try {
      for (let round = 0; round < Math.min(rounds, this.#group.roundsMax ?? rounds); round++) {
        for (const kind of kinds) {
          const startMs = performance.now();
          const measured = await this.#measure(kind);
          keep(results, kind, measured);
          say(
            `round ${round + 1}, ${serverTitle(kind)}, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
          );
          for (const [row, one] of Object.entries(measured)) say(`  ${row.padEnd(34)} ${describe(one)}`);
        }
      }
    } finally {
      for (const server of this.#prepared.values()) await server.remove();
    }
  }

  async #measure(kind: ServerKind): Promise<Measurements> {
    if (this.#group.prepare === undefined) {
      const server = await this.#newServer(kind);
      try {
        return await this.#session(kind, server, this.#group.run);
      } finally {
        await server.remove();
      }
    }
    return await this.#session(kind, await this.#preparedServer(kind), this.#group.run);
  }

  async #preparedServer(kind: ServerKind): Promise<MeasuredServer> {
    const known = this.#prepared.get(kind);
    if (known !== undefined) return known;
    const server = await this.#newServer(kind);
    this.#prepared.set(kind, server);
    await this.#session(kind, server, async (session) => await this.#group.prepare?.(session));
    return server;
  }

  /** Starts the server, runs `work` on it and stops it again. */
  async #session<T>(
    kind: ServerKind,
    server: MeasuredServer,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    await server.start();
    const generator = new Generator();
    const { sizes, wants } = this.#options;
    const connect = (connections: number): Promise<void> => connected(generator, server, connections);
    const anotherGenerator = async (connections: number): Promise<Generator> => {
      const another = new Generator();
      await connected(another, server, connections);
      return another;
    };
    const restart = async (): Promise<void> => {
      await server.stop();
      await server.start();
    };
    try {
      return await work({ kind, server, generator, sizes, wants, connect, anotherGenerator, restart });
    } finally {
      await generator.stop();
      await server.stop();
    }
  }

  async #newServer(kind: ServerKind): Promise<MeasuredServer> {
    if (this.#group.isSecure === true) this.#tls ??= await mutualTls();
    const tls = this.#tls === undefined ? {} : { tls: this.#tls };
    return await newServer(kind, { parent: this.#parent, ...this.#options.engram, ...tls });
  }
}

function connected(generator: Generator, server: MeasuredServer, connections: number): Promise<void> {
  const { target, pid: serverPid, tls } = server;
  return generator.task('connect', { target, serverPid, connections, ...(tls === undefined ? {} : { tls }) });
}

function keep(results: Results, kind: ServerKind, measured: Measurements): void {
  for (const [row, measurement] of Object.entries(measured)) {
    const servers = results.get(row) ?? new Map<ServerKind, Measurement[]>();
    results.set(row, servers);
    servers.set(kind, [...(servers.get(kind) ?? []), measurement]);
  }
}

function describe(one: Measurement): string {
  const rate = Math.round((one.operations * 1000) / one.elapsedMs).toLocaleString('en');
  const cpu = (one.serverCpuMicros / Math.max(1, one.operations)).toFixed(1);
  const own = (one.generatorCpuMicros / Math.max(1, one.operations)).toFixed(1);
  const latency = `p50 ${one.p50Ms.toFixed(2)} p99 ${one.p99Ms.toFixed(2)} p99.9 ${one.p999Ms.toFixed(2)} ms`;
  const extra = Object.entries(one.extra ?? {}).map(
    ([name, value]) => `, ${name} ${Number(value.toPrecision(4))}`,
  );
  const failures = Object.entries(one.failures).map(([what, count]) => `, FAILED ${what}: ${count}`);
  return `${rate}/s, ${cpu} us server, ${own} us generator, ${latency}${extra.join('')}${failures.join('')}`;
}
