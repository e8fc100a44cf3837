import type { Link, LinkSink, PeerNetwork } from '../../../src/cluster/peer-network.ts';
import type { World } from '../world.ts';
import { SimLink } from './link.ts';
import type { LinkTap, LinkTrouble } from './link.ts';

export interface NetworkOptions {
  readonly world: World;
  readonly profile: LinkTrouble & { readonly keepAliveMs: number };
  readonly fail: (problem: string) => void;
  readonly tap?: LinkTap;
}

/** A node's end of the network. It dies with its node. */
interface Endpoint {
  readonly name: string;
  readonly owner: string;
  listener: ((link: Link) => LinkSink) | undefined;
}

const urlOf = (name: string): string => `sim://${name}`;

/**
 * Ordered links between nodes that are slow, fill up, break with what is under way in them, or are cut: in one direction
 * or both, for so short that everything comes through later, or so long that they end. Each side learns of an end at a
 * time of its own.
 */
export class SimNetwork {
  readonly counts = { links: 0, broken: 0, full: 0, messages: 0 };
  readonly #options: NetworkOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  /** `from|to` -> how often it is cut at the moment. */
  readonly #cuts = new Map<string, number>();
  readonly #links = new Set<SimLink>();
  /** Links that cannot be made, and will be given up. */
  readonly #hopeless = new Set<SimLink>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  urlsOf(name: string): string[] {
    return [urlOf(name)];
  }

  /** The network as this incarnation of a node has it. */
  join(name: string, owner: string): PeerNetwork {
    const endpoint: Endpoint = { name, owner, listener: undefined };
    this.#endpoints.set(urlOf(name), endpoint);
    return {
      connect: (peerUrls, sink) => this.#connect(endpoint, peerUrls, sink),
      accept: (listener) => {
        if (endpoint.listener !== undefined) this.#options.fail(`${owner} accepts links twice`);
        endpoint.listener = listener;
      },
    };
  }

  /** The node is dead: its peers hear so, or nothing for a while. */
  leave(owner: string): void {
    for (const [url, endpoint] of this.#endpoints) if (endpoint.owner === owner) this.#endpoints.delete(url);
    for (const link of this.#links) if (link.touches(owner)) this.#break(link);
  }

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from}|${to}`) ?? 0) > 0;
  }

  /** Nothing goes from one node to the other, until what is returned is called. */
  cut(from: string, to: string): () => void {
    const { world, profile } = this.#options;
    const name = `${from}|${to}`;
    this.#cuts.set(name, (this.#cuts.get(name) ?? 0) + 1);
    let isOver = false;
    const affected = [...this.#links].filter((link) => link.goes(from, to));
    world.schedule('network', profile.keepAliveMs, () => {
      if (isOver) return;
      for (const link of affected) this.#break(link);
    });
    return () => {
      if (isOver) return;
      isOver = true;
      this.#cuts.set(name, this.#cuts.get(name)! - 1);
      for (const link of this.#links) link.flow();
    };
  }

  /** No link is slow any more, and none that was opened into a cut is waited for. */
  hurry(): void {
    for (const link of this.#hopeless) this.#break(link);
    for (const link of this.#links) link.hurry();
  }

  #connect(from: Endpoint, peerUrls: readonly string[], sink: LinkSink): Link {
    const { world, profile, fail, tap } = this.#options;
    const url = peerUrls[0] ?? '';
    const to = this.#endpoints.get(url);
    const name = url.slice('sim://'.length);
    const link = new SimLink({
      ...{ world, profile, fail, counts: this.counts, ...(tap && { tap }) },
      isCut: (a, b) => this.isCut(a, b),
      over: () => this.#links.delete(link),
      near: { name: from.name, owner: from.owner },
      far: { name, owner: to?.owner ?? `nobody at ${url}` },
    });
    this.#links.add(link);
    this.counts.links++;
    link.near.sink = sink;
    // A connection that cannot be made at once is given up.
    if (this.isCut(from.name, name) || this.isCut(name, from.name)) {
      this.#hopeless.add(link);
      world.schedule('network', profile.keepAliveMs, () => this.#break(link));
    } else if (to?.listener === undefined)
      world.schedule('network', link.latencyMs(), () => this.#break(link));
    else {
      const { listener } = to;
      link.far.post(link.latencyMs(), () => (link.far.sink = listener(link.far)));
    }
    return link.near;
  }

  #break(link: SimLink): void {
    this.#hopeless.delete(link);
    this.counts.broken++;
    link.break();
  }
}
