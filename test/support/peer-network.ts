import type { Scheduler } from '../../src/base/index.ts';
import type { Link, LinkSink, PeerNetwork } from '../../src/cluster/index.ts';
import type { PeerMessage } from '../../src/wire/peer-message.ts';

/** One side of a way between two nodes. */
class End implements Link {
  sink: LinkSink | undefined;
  other: End | undefined;
  isOver = false;
  readonly #scheduler: Scheduler;
  readonly #isCut: () => boolean;

  constructor(scheduler: Scheduler, isCut: () => boolean) {
    this.#scheduler = scheduler;
    this.#isCut = isCut;
  }

  send(message: PeerMessage): boolean {
    this.#deliver((sink) => sink.message(message));
    return true;
  }

  close(): void {
    this.isOver = true;
    const { other } = this;
    this.#scheduler.soon(() => {
      if (other === undefined || other.isOver) return;
      other.isOver = true;
      other.sink?.ended();
    });
  }

  /** The network has ended it, for both sides. */
  fail(): void {
    if (this.isOver) return;
    this.close();
    this.#scheduler.soon(() => this.sink?.ended());
  }

  #deliver(tell: (sink: LinkSink) => void): void {
    const { other } = this;
    if (this.isOver || this.#isCut()) return;
    this.#scheduler.soon(() => {
      if (other !== undefined && !other.isOver && other.sink !== undefined) tell(other.sink);
    });
  }
}

/** Links between nodes of one process: what is sent arrives in order a turn later, or never, when the nodes are cut off. */
export class MemoryPeerNetwork {
  readonly #scheduler: Scheduler;
  readonly #listeners = new Map<string, (link: Link) => LinkSink>();
  readonly #cut = new Set<string>();
  readonly #ends: { url: string; end: End }[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The network as the node at `url` sees it. */
  at(url: string): PeerNetwork {
    return {
      connect: (peerUrls, sink) => {
        const [to = ''] = peerUrls;
        const isCut = (): boolean => this.#cut.has(url) || this.#cut.has(to);
        const near = new End(this.#scheduler, isCut);
        const far = new End(this.#scheduler, isCut);
        [near.other, far.other, near.sink] = [far, near, sink];
        this.#ends.push({ url, end: near }, { url: to, end: far });
        this.#scheduler.soon(() => {
          const listener = this.#listeners.get(to);
          if (listener !== undefined && !isCut()) far.sink = listener(far);
          else far.close();
        });
        return near;
      },
      accept: (listener) => void this.#listeners.set(url, listener),
    };
  }

  /** The node at `url` is gone: its links end for the others. */
  cut(url: string): void {
    for (const { end } of this.#ends.filter((one) => one.url === url)) end.fail();
    this.#cut.add(url);
  }

  mend(url: string): void {
    this.#cut.delete(url);
  }
}
