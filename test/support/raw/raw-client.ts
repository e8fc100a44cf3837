import { MESSAGE_HEAD_BYTES } from '../frames.ts';
import { RawConnection } from './raw-connection.ts';
import type { RawOptions } from './raw-connection.ts';
import { RawStream } from './raw-stream.ts';

/** The answer of a unary call: a message, or a status that is not OK. */
export interface RawAnswer {
  readonly message: Buffer;
  readonly status: number;
  readonly text: string;
}

/** Unary calls one by one, with their answers whole: for what is not counted in nanoseconds. */
export class RawClient {
  readonly connection: RawConnection;
  #isFlushing = false;

  static async to(options: RawOptions): Promise<RawClient> {
    return new RawClient(await RawConnection.to(options));
  }

  constructor(connection: RawConnection) {
    this.connection = connection;
  }

  /** `done` gets the response message, or undefined when the call failed. Calls of one turn leave together. */
  call(path: string, request: Buffer, done: (response: Buffer | undefined) => void): void {
    this.#begin(path, request, ({ status, message }) => done(status === 0 ? message : undefined));
  }

  ask(path: string, request: Buffer): Promise<RawAnswer> {
    return new Promise((resolve) => this.#begin(path, request, resolve));
  }

  close(): void {
    this.connection.close();
  }

  #begin(path: string, request: Buffer, done: (answer: RawAnswer) => void): void {
    new UnaryCall(this.connection, path, request, done).ready();
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.connection.flush();
    });
  }
}

class UnaryCall extends RawStream {
  readonly #connection: RawConnection;
  readonly #path: string;
  readonly #request: Buffer;
  readonly #done: (answer: RawAnswer) => void;
  readonly #parts: Buffer[] = [];

  constructor(connection: RawConnection, path: string, request: Buffer, done: (answer: RawAnswer) => void) {
    super();
    this.#connection = connection;
    this.#path = path;
    this.#request = request;
    this.#done = done;
  }

  override ready(): void {
    const at = this.#connection.begin(this.#path, this.#request.length, this, true);
    if (at >= 0) this.#request.copy(this.#connection.out, at);
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
  }

  ended(status: number, message: string | undefined): void {
    const body = Buffer.concat(this.#parts);
    this.#done({
      message: body.subarray(MESSAGE_HEAD_BYTES),
      status,
      text: decodeURIComponent(message ?? ''),
    });
  }
}
