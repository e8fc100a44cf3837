/** What has gone between this node and another one, over all their links. Plain numbers, because every message counts. */
export interface PeerFigures {
  /** Of the other node: its `--name`. */
  readonly name: string;
  /** Of messages, without what gRPC, HTTP/2 and TLS add. */
  sentBytes: number;
  receivedBytes: number;
  /** Links to it that did not come about, or broke. */
  failures: number;
  readonly roundTrips: RoundTrips;
}

/** Takes what was measured, in seconds. */
export interface RoundTrips {
  observe(seconds: number): void;
}

/** Nodes that are told apart; a cluster has fewer by far, and nobody fills the memory of another by giving names. */
const PEERS_MAX = 256;

/** The figures of all nodes that this one has talked to since its start. */
export class PeerTraffic<R extends RoundTrips = RoundTrips> {
  readonly #newRoundTrips: () => R;
  readonly #figures = new Map<string, PeerFigures & { readonly roundTrips: R }>();

  constructor(newRoundTrips: () => R) {
    this.#newRoundTrips = newRoundTrips;
  }

  /** Undefined: too many to count another. */
  of(name: string): PeerFigures | undefined {
    const known = this.#figures.get(name);
    if (known !== undefined || this.#figures.size >= PEERS_MAX) return known;
    const figures = { name, sentBytes: 0, receivedBytes: 0, failures: 0, roundTrips: this.#newRoundTrips() };
    this.#figures.set(name, figures);
    return figures;
  }

  all(): Iterable<PeerFigures & { readonly roundTrips: R }> {
    return this.#figures.values();
  }
}
