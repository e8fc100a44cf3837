import type { Link, LinkSink } from '../../../src/cluster/peer-network.ts';
import type { PeerMessage } from '../../../src/wire/peer-message.ts';
import type { SeededRandom } from '../../../src/base/index.ts';
import type { World } from '../world.ts';
import { Parcel } from './parcel.ts';

export interface LinkTrouble {
  readonly loss: number;
  readonly netTail: number;
  readonly slowLinks: number;
  readonly slowBytesPerMs: number;
  readonly linkBytesMax: number;
}

export interface LinkTap {
  sent(owner: string, message: PeerMessage): void;
  received(owner: string, message: PeerMessage): void;
}

interface Place {
  readonly name: string;
  readonly owner: string;
}

export interface SimLinkOptions {
  readonly world: World;
  readonly profile: LinkTrouble;
  readonly fail: (problem: string) => void;
  readonly counts: { full: number; messages: number };
  /** Told of what leaves a node, and of what a node takes. */
  readonly tap?: LinkTap;
  readonly isCut: (from: string, to: string) => boolean;
  /** Nothing comes of this link any more. */
  readonly over: () => void;
  /** Who opened it, and to whom. */
  readonly near: Place;
  readonly far: Place;
}

const FAST_BYTES_PER_MS = 100_000;
/** A way may be overrun by what must be sent all the same: answers and announcements, never commits. */
const OVERRUN_BYTES_MAX = 1 << 20;

/** A link as both sides have it. */
export class SimLink {
  readonly near: End;
  readonly far: End;
  /** Of both ends. */
  ended = 0;
  readonly options: SimLinkOptions;
  readonly random: SeededRandom;
  #isBroken = false;

  constructor(options: SimLinkOptions) {
    this.options = options;
    this.random = options.world.random.fork('link');
    this.near = new End(this, options.near, options.far);
    this.far = new End(this, options.far, options.near);
    this.near.peer = this.far;
    this.far.peer = this.near;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  touches(owner: string): boolean {
    return this.near.place.owner === owner || this.far.place.owner === owner;
  }

  goes(from: string, to: string): boolean {
    return [this.near, this.far].some(({ place, peer }) => place.name === from && peer?.place.name === to);
  }

  /** What is under way is lost, and each side hears of it sooner or later. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    for (const end of [this.near, this.far]) {
      end.lose();
      end.endLater(this.random.chance(0.7) ? this.latencyMs() : this.random.next() * 1_500);
    }
  }

  /** A cut may be over. */
  flow(): void {
    this.near.flow();
    this.far.flow();
  }

  hurry(): void {
    this.near.hurry();
    this.far.hurry();
  }

  latencyMs(): number {
    const { random } = this;
    if (random.chance(this.options.profile.netTail)) return random.next() ** 2 * 1_000;
    return 0.2 + random.next() * 3;
  }
}

interface Posted {
  readonly dueMs: number;
  readonly bytes: number;
  readonly run: () => void;
}

/** One side of a link, and the way from it to the other side. */
export class End implements Link {
  readonly place: Place;
  sink: LinkSink | undefined;
  peer: End | undefined;
  readonly #link: SimLink;
  readonly #to: Place;
  #bytesPerMs: number;
  /** Under way to the other side, in order. */
  #posted: Posted[] = [];
  #lastDueMs = 0;
  /** Sent, and not looked at by the other side. */
  #bytes = 0;
  #isFull = false;
  #isClosed = false;
  #hasEnded = false;

  constructor(link: SimLink, place: Place, to: Place) {
    const { profile } = link.options;
    this.#link = link;
    this.place = place;
    this.#to = to;
    this.#bytesPerMs = link.random.chance(profile.slowLinks) ? profile.slowBytesPerMs : FAST_BYTES_PER_MS;
  }

  send(message: PeerMessage): boolean {
    const { world, profile, counts, fail } = this.#link.options;
    if (this.#isClosed || this.#hasEnded) return true;
    if (this.#isFull && message.kind === 'commit')
      fail(`${this.place.owner} pushes a commit to ${this.#to.owner}, to whom the way is full`);
    this.#link.options.tap?.sent(this.place.owner, message);
    const parcel = new Parcel(message);
    counts.messages++;
    this.#bytes += parcel.bytes;
    if (this.#bytes > profile.linkBytesMax + OVERRUN_BYTES_MAX)
      fail(`${this.place.owner} has ${this.#bytes} bytes under way to ${this.#to.owner}`);
    if (this.#bytes > profile.linkBytesMax && !this.#isFull) {
      this.#isFull = true;
      counts.full++;
    }
    if (!this.#link.isBroken && this.#link.random.chance(profile.loss))
      world.schedule('network', this.#link.latencyMs(), () => this.#link.break());
    if (!this.#link.isBroken) {
      this.#post({
        dueMs: this.#link.latencyMs() + parcel.bytes / this.#bytesPerMs,
        bytes: parcel.bytes,
        run: () => {
          const received = parcel.open(fail);
          this.#taken(parcel.bytes);
          if (received !== undefined) this.peer?.receive(received);
        },
      });
    }
    return !this.#isFull;
  }

  close(): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#isClosed = true;
    const peer = this.peer as End;
    this.#post({ dueMs: this.#link.latencyMs(), bytes: 0, run: () => peer.#end() });
    this.#over();
  }

  /** The other side opens the way to this one: runs there after `delayMs`, before everything that is sent. */
  post(delayMs: number, run: () => void): void {
    (this.peer as End).#post({ dueMs: delayMs, bytes: 0, run });
  }

  receive(message: PeerMessage): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#link.options.tap?.received(this.place.owner, message);
    this.sink?.message(message);
  }

  lose(): void {
    this.#posted = [];
  }

  endLater(delayMs: number): void {
    this.#link.options.world.schedule(this.place.owner, delayMs, () => this.#end());
  }

  /** Delivers what is due, unless the way is cut: then all of it waits. */
  flow(): void {
    const { world, isCut } = this.#link.options;
    if (isCut(this.place.name, this.#to.name)) return;
    while (this.#posted.length > 0 && this.#posted[0]!.dueMs <= world.nowMs()) {
      const { run } = this.#posted.shift()!;
      world.schedule(this.#to.owner, 0, run);
    }
  }

  /** The way is as fast as others are, and what is on it arrives soon. */
  hurry(): void {
    this.#bytesPerMs = FAST_BYTES_PER_MS;
    const posted = this.#posted;
    [this.#posted, this.#lastDueMs] = [[], 0];
    for (const { bytes, run } of posted) this.#post({ dueMs: 1, bytes, run });
  }

  #post(posted: Posted): void {
    const { world } = this.#link.options;
    this.#lastDueMs = Math.max(this.#lastDueMs, world.nowMs() + posted.dueMs);
    this.#posted.push({ ...posted, dueMs: this.#lastDueMs });
    world.schedule('network', this.#lastDueMs - world.nowMs() + 1e-6, () => this.flow());
  }

  #taken(bytes: number): void {
    const { world, profile } = this.#link.options;
    this.#bytes -= bytes;
    if (!this.#isFull || this.#bytes > profile.linkBytesMax / 2) return;
    world.schedule(this.place.owner, this.#link.latencyMs(), () => {
      if (!this.#isFull || this.#bytes > profile.linkBytesMax / 2) return;
      this.#isFull = false;
      if (!this.#isClosed && !this.#hasEnded) this.sink?.drained();
    });
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (!this.#isClosed) this.sink?.ended();
    if (!this.#isClosed) this.#over();
  }

  #over(): void {
    if (++this.#link.ended === 2) this.#link.options.over();
  }
}
