import type { Clock, Logger, Scheduler } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { Link, LinkSink, PeerNetwork } from '../../cluster/index.ts';
import { GrpcCode, type BidiStream, type Service } from '../../transport/index.ts';
import { AcceptedLink } from './accepted-link.ts';
import { DialedLink } from './dialed-link.ts';
import type { PeerCredentials } from './peer-credentials.ts';
import type { PeerFigures, PeerTraffic } from './peer-traffic.ts';

export interface GrpcPeerNetworkOptions {
  readonly credentials: PeerCredentials;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** What is counted of each node that is talked to. */
  readonly traffic: PeerTraffic;
  /**
   * A node that does not answer for twice as long is given up. So long it may be busy, or stopped, and so long a node that
   * has died without a word is taken for a living one.
   */
  readonly aliveMs: number;
}

/** The same failure of the same URL is logged again after this. */
const QUIET_MS = 10_000;

/** Failures of URLs that are remembered. */
const FAILURES_MAX = 64;

/**
 * Links over gRPC (proto/engram/peer.proto). Those that others open come to `service`, which is to be served on a port of
 * its own; those that this node opens have a connection each.
 */
export class GrpcPeerNetwork implements PeerNetwork {
  readonly #options: GrpcPeerNetworkOptions;
  readonly #dialed = new Set<DialedLink>();
  /** URL and reason -> when that was logged. */
  readonly #failures = new Map<string, number>();
  #listener: ((link: Link) => LinkSink) | undefined;
  #isClosed = false;

  constructor(options: GrpcPeerNetworkOptions) {
    this.#options = options;
  }

  /** What the peer port serves, and all that it serves. */
  get service(): Service {
    return {
      name: 'engram.Peer',
      methods: { Link: { kind: 'bidi', handle: (stream) => this.#accepted(stream) } },
    };
  }

  connect(peerUrls: readonly string[], sink: LinkSink, name: string): Link {
    const { credentials, clock, scheduler, traffic, aliveMs } = this.#options;
    const figures = traffic.of(name);
    const link = new DialedLink(this.#isClosed ? [] : peerUrls, sink, {
      ...{ credentials, clock, scheduler, aliveMs, figures },
      failed: (url, reason) => this.#failed(url, reason, figures),
      over: () => this.#dialed.delete(link),
    });
    this.#dialed.add(link);
    return link;
  }

  accept(listener: (link: Link) => LinkSink): void {
    assert(this.#listener === undefined, 'one takes the links');
    this.#listener = listener;
  }

  /** Links that this node has opened. */
  get dialed(): number {
    return this.#dialed.size;
  }

  /** Cuts the links that this node has opened; those of others end with the server of `service`. */
  close(): void {
    this.#isClosed = true;
    for (const link of [...this.#dialed]) link.destroy();
  }

  #accepted(stream: BidiStream): void {
    const listener = this.#listener;
    if (listener === undefined) {
      stream.end({ code: GrpcCode.unavailable, message: 'the node takes no links yet' });
      return;
    }
    const { clock, scheduler, logger, traffic } = this.#options;
    const link = new AcceptedLink(stream, { clock, scheduler, logger, traffic });
    link.greet();
    link.start(listener(link));
  }

  /** A link is tried ten times a second: each thing that is wrong is told once, and then every ten seconds. */
  #failed(url: string, reason: string, figures: PeerFigures | undefined): void {
    if (figures !== undefined) figures.failures++;
    const { clock, logger } = this.#options;
    logger.debug('a link to another node failed', { url, reason });
    const nowMs = clock.nowMs();
    const failure = `${url} ${reason}`;
    const loggedMs = this.#failures.get(failure);
    if (loggedMs !== undefined && nowMs - loggedMs < QUIET_MS) return;
    if (loggedMs === undefined && this.#failures.size >= FAILURES_MAX) this.#failures.clear();
    this.#failures.set(failure, nowMs);
    logger.warn('no link to another node', { url, reason });
  }
}
