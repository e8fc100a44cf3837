import type { Body, Http2Stream } from './handler.ts';
import type { RequestHead } from './request-head.ts';
import type { Session } from './session.ts';
import { StreamState } from './stream-state.ts';

/** A stream as its handler sees it. */
export class ServedStream extends StreamState implements Http2Stream {
  readonly #session: Session;

  constructor(session: Session, id: number, head: RequestHead, isEnded: boolean) {
    super(
      id,
      head,
      isEnded,
      session.sender.turns.initialWindow,
      session.environment.limits.streamWindowBytes,
    );
    this.#session = session;
  }

  get peer(): string {
    return this.#session.peer;
  }

  get isCrowded(): boolean {
    const { sender, environment } = this.#session;
    return sender.turns.queuedBytes >= environment.limits.connectionQueueBytesMax;
  }

  consumed(bytes: number): void {
    this.#session.consumed(this, bytes);
  }

  respond(head: Uint8Array, prefix: Uint8Array, body: Body, trailers: Uint8Array | undefined): void {
    this.#session.sender.respond(this, head, prefix, body, trailers);
  }

  headers(block: Uint8Array, isLast: boolean): void {
    this.#session.sender.headers(this, block, isLast);
  }

  write(prefix: Uint8Array, body: Body): boolean {
    return this.#session.sender.write(this, prefix, body);
  }

  trailers(block: Uint8Array): void {
    this.#session.sender.end(this, block);
  }

  end(): void {
    this.#session.sender.end(this, undefined);
  }

  reset(code: number): void {
    this.#session.reset(this, code);
  }
}
