import type { Clock, Logger, Scheduler } from '../../base/index.ts';
import type { Link, LinkSink } from '../../cluster/index.ts';
import { GrpcCode, type BidiStream, type GrpcStatus } from '../../transport/index.ts';
import {
  decodePeerMessage,
  decodePing,
  encodePeerMessage,
  WireError,
  type PeerMessage,
} from '../../wire/index.ts';
import { LinkPings } from './link-pings.ts';
import type { PeerFigures, PeerTraffic } from './peer-traffic.ts';

/** The first message of the side that accepts, which is of no kind: the link stands. */
const GREETING = Buffer.alloc(0);

export interface AcceptedLinkParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly traffic: PeerTraffic;
  readonly logger: Logger;
}

/** The end of a link that another node has opened. What waits to be sent is bounded by the stream. */
export class AcceptedLink implements Link {
  readonly #stream: BidiStream;
  readonly #parts: AcceptedLinkParts;
  readonly #pings: LinkPings;
  #isOver = false;
  #isFull = false;
  /** Known from `hello` on. */
  #figures: PeerFigures | undefined;
  #sink: LinkSink | undefined;

  constructor(stream: BidiStream, parts: AcceptedLinkParts) {
    this.#stream = stream;
    this.#parts = parts;
    const { clock, scheduler } = parts;
    this.#pings = new LinkPings({
      ...{ clock, scheduler },
      hasRoom: () => !this.#isOver && !this.#isFull,
      send: (bytes) => void this.#send([bytes]),
    });
  }

  /** Begins, in the turn in which the stream came. */
  start(sink: LinkSink): void {
    this.#sink = sink;
    const stream = this.#stream;
    stream.onMessage((bytes) => this.#received(bytes));
    stream.onDrain(() => {
      this.#isFull = false;
      this.#pings.drained();
      if (!this.#isOver) sink.drained();
    });
    stream.onHalfClose(() => this.#ended(undefined));
    stream.onCancel(() => this.#lost());
  }

  /** To be called before anything is sent. */
  greet(): void {
    this.#stream.send(GREETING);
  }

  send(message: PeerMessage): boolean {
    return this.#isOver || this.#send(encodePeerMessage(message));
  }

  close(): void {
    if (this.#isOver) return;
    this.#over();
    this.#stream.end();
  }

  #send(slices: Uint8Array[]): boolean {
    if (this.#figures !== undefined) for (const { length } of slices) this.#figures.sentBytes += length;
    this.#isFull = !this.#stream.send(slices);
    return !this.#isFull;
  }

  #greeted(name: string): void {
    this.#figures = this.#parts.traffic.of(name);
    if (this.#figures !== undefined) this.#pings.start(this.#figures);
  }

  #over(): void {
    this.#isOver = true;
    this.#pings.stop();
  }

  #received(bytes: Uint8Array): void {
    if (this.#isOver) return;
    let message: PeerMessage | undefined;
    try {
      const ping = decodePing(bytes);
      if (ping === undefined) message = decodePeerMessage(bytes);
      else this.#pings.received(ping);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#parts.logger.warn('ended a link of another node: a message cannot be read', {
        peer: this.#stream.peer,
        error: error.message,
      });
      this.#ended({ code: GrpcCode.invalidArgument, message: error.message });
      return;
    }
    if (message?.kind === 'hello' && this.#figures === undefined) this.#greeted(message.name);
    if (this.#figures !== undefined) this.#figures.receivedBytes += bytes.length;
    if (message !== undefined) this.#sink?.message(message);
  }

  #ended(status: GrpcStatus | undefined): void {
    if (this.#isOver) return;
    this.#over();
    this.#stream.end(status);
    this.#sink?.ended();
  }

  /** The stream can find out that it is lost while something is sent: the sink hears of it in a turn of its own. */
  #lost(): void {
    this.#parts.scheduler.soon(() => {
      if (this.#isOver) return;
      this.#over();
      this.#sink?.ended();
    });
  }
}
