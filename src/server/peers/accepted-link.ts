import type { Logger, Scheduler } from '../../base/index.ts';
import type { Link, LinkSink } from '../../cluster/index.ts';
import { GrpcCode, type BidiStream, type GrpcStatus } from '../../transport/index.ts';
import { decodePeerMessage, encodePeerMessage, WireError, type PeerMessage } from '../../wire/index.ts';

/** The first message of the side that accepts, which is of no kind: the link stands. */
const GREETING = Buffer.alloc(0);

export interface AcceptedLinkParts {
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** The end of a link that another node has opened. What waits to be sent is bounded by the stream. */
export class AcceptedLink implements Link {
  readonly #stream: BidiStream;
  readonly #parts: AcceptedLinkParts;
  #isOver = false;
  #sink: LinkSink | undefined;

  constructor(stream: BidiStream, parts: AcceptedLinkParts) {
    this.#stream = stream;
    this.#parts = parts;
  }

  /** Begins, in the turn in which the stream came. */
  start(sink: LinkSink): void {
    this.#sink = sink;
    const stream = this.#stream;
    stream.onMessage((bytes) => this.#received(bytes));
    stream.onDrain(() => {
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
    return this.#isOver || this.#stream.send(encodePeerMessage(message));
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.end();
  }

  #received(bytes: Uint8Array): void {
    if (this.#isOver) return;
    let message: PeerMessage | undefined;
    try {
      message = decodePeerMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#parts.logger.warn('ended a link of another node: a message cannot be read', {
        peer: this.#stream.peer,
        error: error.message,
      });
      this.#ended({ code: GrpcCode.invalidArgument, message: error.message });
      return;
    }
    if (message !== undefined) this.#sink?.message(message);
  }

  #ended(status: GrpcStatus | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.end(status);
    this.#sink?.ended();
  }

  /** The stream can find out that it is lost while something is sent: the sink hears of it in a turn of its own. */
  #lost(): void {
    this.#parts.scheduler.soon(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#sink?.ended();
    });
  }
}
