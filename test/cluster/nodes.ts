import { readFileSync } from 'node:fs';
import { tikvFlags } from '../crash/tikv.ts';
import type { Message } from '../etcd/protocol.ts';
import type { CertificateFiles } from '../support/certificates.ts';
import { TestAuthority } from '../support/certificates.ts';
import { Client, EngramProcess } from '../support/engram.ts';
import { MachineStalls } from '../support/machine-stalls.ts';
import type { Span } from '../support/machine-stalls.ts';
import { temporaryDirectory } from '../support/process.ts';
import { eventually } from '../support/suite.ts';

/** What nodes need to know one another by certificates. */
interface PeerTls {
  readonly authority: TestAuthority;
  readonly certificate: CertificateFiles;
}

export interface NodesOptions {
  readonly pd: readonly string[];
  readonly keyspace: string;
  readonly count: number;
  /** Mutual TLS between nodes. */
  readonly isSecure?: boolean;
  /** More flags for all. */
  readonly flags?: readonly string[];
}

export interface Status {
  readonly member: string;
  readonly leader: string;
  readonly revision: number;
}

/** Engram processes that are one cluster. */
export class Nodes {
  readonly processes: readonly EngramProcess[];
  readonly tls: PeerTls | undefined;
  readonly #options: NodesOptions;
  readonly #stalls: MachineStalls;
  /** Of each node that stands still. */
  readonly #paused = new Set<number>();

  private constructor(
    options: NodesOptions,
    parts: {
      readonly processes: readonly EngramProcess[];
      readonly tls: PeerTls | undefined;
      readonly stalls: MachineStalls;
    },
  ) {
    this.#options = options;
    this.processes = parts.processes;
    this.tls = parts.tls;
    this.#stalls = parts.stalls;
    for (const [at, process] of this.processes.entries()) process.flags = this.flagsOf(`node-${at}`);
  }

  /** Started, answering, and with a leader. */
  static async start(options: NodesOptions): Promise<Nodes> {
    const processes: EngramProcess[] = [];
    for (let at = 0; at < options.count; at++)
      processes.push(await EngramProcess.at(temporaryDirectory(`cluster-${at}`)));
    const tls = options.isSecure === true ? await peerTls() : undefined;
    const nodes = new Nodes(options, { processes, tls, stalls: await MachineStalls.start() });
    process.once('exit', nodes.#killAll);
    await Promise.all(processes.map((_, at) => nodes.up(at)));
    await nodes.leader();
    return nodes;
  }

  /** Flags of a node of this cluster. */
  flagsOf(name: string): string[] {
    const peerScheme = this.tls === undefined ? 'http' : 'https';
    const { pd, keyspace } = this.#options;
    return [
      ...tikvFlags(pd, { keyspace, peerScheme }),
      `--name=${name}`,
      ...this.#tlsFlags(),
      ...(this.#options.flags ?? []),
    ];
  }

  get targets(): readonly string[] {
    return this.processes.map(({ target }) => target);
  }

  /** For how long of a time the machine stood still. */
  stalledMs(span: Span): number {
    return this.#stalls.within(span);
  }

  /** How long of a time the nodes had: what the machine stood still is not theirs. */
  ownMs(span: Span): number {
    return span.toMs - span.fromMs - this.stalledMs(span);
  }

  /** Starts a node, unless it runs, and waits until it answers. */
  async up(at: number): Promise<void> {
    if (this.isRunning(at)) return;
    const client = await this.processes[at]!.up(
      [],
      [`--advertise-client-urls=http://${this.processes[at]!.target}`],
    );
    client.close();
  }

  async allUp(): Promise<void> {
    await Promise.all(this.processes.map((_, at) => this.up(at)));
    await this.leader();
  }

  isRunning(at: number): boolean {
    const pid = this.processes[at]!.pid();
    if (pid === 0) return false;
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  async stop(at: number, signal: NodeJS.Signals): Promise<void> {
    this.resume(at);
    await this.processes[at]!.stop(signal);
  }

  pause(at: number): void {
    this.#paused.add(at);
    process.kill(this.processes[at]!.pid(), 'SIGSTOP');
  }

  resume(at: number): void {
    if (!this.#paused.delete(at)) return;
    process.kill(this.processes[at]!.pid(), 'SIGCONT');
  }

  async call(at: number, path: string, message: Message): Promise<Message> {
    const client = new Client(this.processes[at]!.target);
    try {
      const answer = await client.call(path, message);
      if (answer.error !== undefined) throw new Error(`${path} of node ${at}: ${answer.error.text}`);
      return answer.message;
    } finally {
      client.close();
    }
  }

  async status(at: number): Promise<Status> {
    const message = await this.call(at, '/etcdserverpb.Maintenance/Status', {});
    const header = message['header'] as Message;
    return {
      member: String(header['member_id']),
      leader: String(message['leader']),
      revision: Number(header['revision']),
    };
  }

  /** The node that leads, as itself says it. */
  async leader(withinMs = 15_000): Promise<number> {
    return await eventually('a leader', withinMs, async () => {
      for (let at = 0; at < this.processes.length; at++) {
        if (!this.isRunning(at) || this.#paused.has(at)) continue;
        const status = await this.status(at).catch(() => undefined);
        if (status !== undefined && status.leader === status.member && status.leader !== '0') return at;
      }
      return undefined;
    });
  }

  /** Every node that runs names the same leader. */
  async agreed(withinMs = 15_000): Promise<void> {
    await eventually('one leader on all nodes', withinMs, async () => {
      const running = this.processes.map((_, at) => at).filter((at) => this.isRunning(at));
      const leaders = await Promise.all(running.map((at) => this.status(at).catch(() => undefined)));
      const names = new Set(leaders.map((status) => status?.leader ?? ''));
      return (names.size === 1 && !names.has('') && !names.has('0')) || undefined;
    });
  }

  /** The last lines of every node. */
  logs(): string {
    return this.processes.map(({ logFile }) => readFileSync(logFile, 'utf8').slice(-2000)).join('\n');
  }

  async close(): Promise<void> {
    process.off('exit', this.#killAll);
    for (const at of this.processes.keys()) this.resume(at);
    await Promise.all(this.processes.map((one) => one.stop('SIGTERM')));
    await this.#stalls.stop();
  }

  readonly #killAll = (): void => {
    for (const at of this.processes.keys()) {
      if (this.isRunning(at)) process.kill(this.processes[at]!.pid(), 'SIGKILL');
    }
  };

  #tlsFlags(): string[] {
    if (this.tls === undefined) return [];
    const { authority, certificate } = this.tls;
    return [
      `--peer-cert-file=${certificate.certFile}`,
      `--peer-key-file=${certificate.keyFile}`,
      `--peer-trusted-ca-file=${authority.caFile}`,
      '--peer-client-cert-auth',
    ];
  }
}

async function peerTls(): Promise<PeerTls> {
  const authority = await TestAuthority.create('engram-peer-ca');
  return {
    authority,
    certificate: await authority.server('peer', { usages: ['serverAuth', 'clientAuth'] }),
  };
}
