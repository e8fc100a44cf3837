import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../src/base/index.ts';
import { openPeerNetwork, type OpenPeerNetwork } from '../../src/cli/peer-network.ts';
import { NodeClock, NodeScheduler } from '../../src/cli/runtime.ts';
import type { Link, LinkSink, PeerNetwork } from '../../src/cluster/index.ts';
import { readSettings } from '../../src/config/index.ts';
import type { MeasuredTraffic } from '../../src/cli/peer-metrics.ts';
import type { PeerMessage } from '../../src/wire/index.ts';
import type { CertificateFiles, TestAuthority } from './certificates.ts';
import { eventually } from './suite.ts';

/** Notes what a link brings. */
export class NotedSink implements LinkSink {
  readonly messages: PeerMessage[] = [];
  drains = 0;
  ends = 0;
  link: Link | undefined;

  message(message: PeerMessage): void {
    this.messages.push(message);
  }

  drained(): void {
    this.drains++;
  }

  ended(): void {
    this.ends++;
  }

  get ids(): number[] {
    return this.messages.map((message) => (message.kind === 'readIndex' ? message.id : -1));
  }
}

/** A node's peer port, opened as the program opens it. */
export class TestPeer {
  readonly open: OpenPeerNetwork;
  readonly warnings: string[];
  readonly faults: unknown[];
  /** One for each link that others have opened. */
  readonly accepted: NotedSink[] = [];
  readonly #directory: string;

  private constructor(
    open: OpenPeerNetwork,
    noted: { warnings: string[]; faults: unknown[]; directory: string },
  ) {
    this.open = open;
    this.warnings = noted.warnings;
    this.faults = noted.faults;
    this.#directory = noted.directory;
  }

  /** On a free port of 127.0.0.1, with more flags. */
  static async start(...flags: string[]): Promise<TestPeer> {
    const directory = mkdtempSync(join(tmpdir(), 'engram-peers-'));
    const args = ['--engine=tikv', '--tikv-pd=127.0.0.1:1', `--data-dir=${directory}`, ...flags];
    const otherwise = (name: string, value: string): void => {
      if (!flags.some((flag) => flag.startsWith(`${name}=`))) args.push(`${name}=${value}`);
    };
    otherwise('--listen-peer-urls', 'http://127.0.0.1:0');
    // So long that nothing ends because somebody has lost patience with a busy machine, unless a test is about that.
    otherwise('--leader-lease', '10s');
    const { settings } = await readSettings({ args, environment: {} });
    const warnings: string[] = [];
    const faults: unknown[] = [];
    const logger: Logger = {
      ...{ debug: () => undefined, info: () => undefined },
      warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields ?? {})}`),
      error: (message) => void warnings.push(message),
      child: () => logger,
    };
    const onFault = (error: unknown): void => void faults.push(error);
    const parts = { clock: new NodeClock(), scheduler: new NodeScheduler(), logger, onFault };
    const open = await openPeerNetwork(settings, parts);
    if (open === undefined) throw new Error('there is no peer port');
    return new TestPeer(open, { warnings, faults, directory });
  }

  get url(): string {
    return this.open.listenUrls[0]!;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get network(): PeerNetwork {
    return this.open.network;
  }

  get traffic(): MeasuredTraffic {
    return this.open.traffic;
  }

  /** Takes links, and notes what they bring. */
  accept(): this {
    this.network.accept((link) => {
      const sink = new NotedSink();
      sink.link = link;
      this.accepted.push(sink);
      return sink;
    });
    return this;
  }

  /** Opens a link. */
  connect(...urls: string[]): { link: Link; sink: NotedSink } {
    const sink = new NotedSink();
    const link = this.network.connect(urls, sink, 'other');
    sink.link = link;
    return { link, sink };
  }

  async close(): Promise<void> {
    await this.open.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Flags of mutual TLS. */
export function mutualTls(authority: TestAuthority, { certFile, keyFile }: CertificateFiles): string[] {
  return [
    ...['--listen-peer-urls=https://127.0.0.1:0', '--peer-client-cert-auth'],
    ...[
      `--peer-cert-file=${certFile}`,
      `--peer-key-file=${keyFile}`,
      `--peer-trusted-ca-file=${authority.caFile}`,
    ],
  ];
}

/** A certificate as a node needs it, for both sides of a connection. */
export function nodeCertificate(authority: TestAuthority, name: string): Promise<CertificateFiles> {
  return authority.server(name, { usages: ['serverAuth', 'clientAuth'] });
}

export function until(what: string, probe: () => boolean, withinMs = 60_000): Promise<true> {
  return eventually(what, withinMs, () => Promise.resolve(probe() ? true : undefined));
}

/** A way between two nodes that can fall silent, without a word to either. */
export class SilentWay {
  readonly url: string;
  readonly #close: () => void;
  readonly #sockets: Socket[];
  isSilent = false;

  private constructor(url: string, sockets: Socket[], close: () => void) {
    this.url = url;
    this.#sockets = sockets;
    this.#close = close;
  }

  static async open(port: number): Promise<SilentWay> {
    const sockets: Socket[] = [];
    const forward = (from: Socket, to: Socket): void => {
      sockets.push(from);
      from.on('data', (bytes) => {
        if (!way.isSilent) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    };
    const server = createServer((near) => {
      const far = connectTcp(port, '127.0.0.1');
      forward(near, far);
      forward(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const way = new SilentWay(url, sockets, () => server.close());
    return way;
  }

  close(): void {
    this.#close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
