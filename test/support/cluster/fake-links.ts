import type { Cancel, Clock, Scheduler } from '../../../src/base/index.ts';
import type { Link, LinkSink } from '../../../src/cluster/peer-network.ts';
import type { PeerMessage } from '../../../src/wire/peer-message.ts';

/** Time that passes, and turns that begin, only when a test says so. */
export class ManualTime implements Clock, Scheduler {
  #nowMs = 1000;
  #soon: (() => void)[] = [];
  #timers: { atMs: number; run: () => void }[] = [];

  get timerCount(): number {
    return this.#timers.length;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** One later turn of the event loop. */
  turn(): void {
    for (const run of this.#soon.splice(0)) run();
  }

  /** Turns until nothing is left to do in this instant. */
  settle(): void {
    while (this.#soon.length > 0) this.turn();
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      this.settle();
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.run();
    }
    this.#nowMs = untilMs;
  }
}

/** One end of a fake link, and what it has sent that has not been delivered. */
class FakeEnd implements Link {
  readonly sent: PeerMessage[] = [];
  /** So many messages may wait to be delivered; with the next one the way is full. */
  room = Infinity;
  sink: LinkSink | undefined;
  isClosed = false;
  hasEnded = false;
  #isFull = false;

  send(message: PeerMessage): boolean {
    if (this.isClosed || this.hasEnded) return true;
    this.sent.push(message);
    if (this.sent.length > this.room) this.#isFull = true;
    return !this.#isFull;
  }

  close(): void {
    this.isClosed = true;
  }

  /** The sink hears nothing more once this end is closed. */
  get hears(): LinkSink | undefined {
    return this.isClosed || this.hasEnded ? undefined : this.sink;
  }

  drain(): void {
    if (!this.#isFull || this.sent.length > 0) return;
    this.#isFull = false;
    this.hears?.drained();
  }
}

/** A link whose messages are delivered, and which ends, only when a test says so. */
export class FakeLink {
  readonly peerUrls: readonly string[];
  readonly follower = new FakeEnd();
  readonly leader = new FakeEnd();

  constructor(peerUrls: readonly string[]) {
    this.peerUrls = peerUrls;
  }

  /** What the follower has sent arrives, `count` messages of it. */
  toLeader(count = Infinity): void {
    this.#deliver(this.follower, this.leader, count);
  }

  toFollower(count = Infinity): void {
    this.#deliver(this.leader, this.follower, count);
  }

  /** A message of a leader that a test plays. */
  say(message: PeerMessage): void {
    this.leader.send(message);
    this.toFollower();
  }

  /** A message of a follower that a test plays. */
  tell(message: PeerMessage): void {
    this.follower.send(message);
    this.toLeader();
  }

  /** The network ends it: what is under way is lost. */
  cut(): void {
    this.#end(this.follower);
    this.#end(this.leader);
  }

  #deliver(from: FakeEnd, to: FakeEnd, count: number): void {
    for (let i = 0; i < count && from.sent.length > 0; i++) {
      const message = from.sent.shift();
      if (message !== undefined) to.hears?.message(message);
    }
    from.drain();
    if (from.isClosed && from.sent.length === 0) this.#end(to);
  }

  #end(end: FakeEnd): void {
    if (end.hasEnded) return;
    const sink = end.hears;
    end.sent.length = 0;
    end.hasEnded = true;
    sink?.ended();
  }
}

/** Keeps the links that were opened; the node at a URL takes them if there is one, else a test plays it. */
export class FakeNetwork {
  readonly links: FakeLink[] = [];
  readonly acceptors = new Map<string, (link: Link) => LinkSink>();

  connect(peerUrls: readonly string[], sink: LinkSink): Link {
    const link = new FakeLink(peerUrls);
    this.links.push(link);
    link.follower.sink = sink;
    const accept = this.acceptors.get(peerUrls[0] ?? '');
    if (accept !== undefined) link.leader.sink = accept(link.leader);
    return link.follower;
  }

  /** The link that was opened last. */
  get last(): FakeLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error('No link was opened');
    return link;
  }

  /** Delivers everything in both directions, with the turns between, until nothing happens any more. */
  run(time: ManualTime): void {
    for (let i = 0; i < 20; i++) {
      time.settle();
      for (const link of this.links) {
        link.toLeader();
        link.toFollower();
      }
    }
  }
}
