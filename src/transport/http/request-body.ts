import { HttpBodyError } from './exchange.ts';

const bufferBytesMin = 1024;

/** Where memory for bodies comes from, and goes back to. */
export interface BodyMemory {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/**
 * Collects the body of a request. Before somebody asks for it, no more is taken than the client may send unasked; what
 * comes after it was found too long is thrown away.
 */
export class RequestBody {
  readonly #consumed: (bytes: number) => void;
  readonly #memory: BodyMemory;
  #takenBytes = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #owedBytes = 0;
  #bytesMax = -1;
  #isComplete = false;
  #error: HttpBodyError | undefined;
  #settle: ((result: Buffer | HttpBodyError) => void) | undefined;

  /** `consumed` hears how many bytes more may come. */
  constructor(consumed: (bytes: number) => void, memory: BodyMemory) {
    this.#consumed = consumed;
    this.#memory = memory;
  }

  /** Takes a copy: parts may be tiny views of large chunks. */
  data(chunk: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#error !== undefined) {
      this.#consumed(length);
      return;
    }
    const total = this.#bytes + length;
    if (total > this.#buffer.length) {
      const size = Math.max(total, 2 * this.#bytes, bufferBytesMin);
      if (!this.#memory.take(size - this.#takenBytes)) {
        this.#owedBytes += length;
        this.#fail(
          new HttpBodyError('tooLarge', 'too much memory is taken by requests that have not come whole'),
        );
        this.#giveOwed();
        return;
      }
      this.#takenBytes = size;
      const grown = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(grown, 0, 0, this.#bytes);
      this.#buffer = grown;
    }
    chunk.copy(this.#buffer, this.#bytes, start, end);
    this.#bytes = total;
    this.#owedBytes += length;
    this.#goOn();
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  complete(): void {
    this.#isComplete = true;
    this.#goOn();
  }

  /** Nobody wants it any more: what is there and what comes is thrown away. */
  discard(): void {
    this.#error ??= new HttpBodyError('cancelled', 'the request has been answered');
    this.#buffer = Buffer.alloc(0);
    this.release();
    this.#giveOwed();
  }

  /** The exchange has ended, or whoever has read the body answers for it. */
  release(): void {
    if (this.#takenBytes > 0) this.#memory.give(this.#takenBytes);
    this.#takenBytes = 0;
  }

  /** The client has gone. */
  cancel(): void {
    if (!this.#isComplete) this.#fail(new HttpBodyError('cancelled', 'the client went away'));
  }

  /** `announcedBytes` is the content-length, or -1. */
  read(bytesMax: number, announcedBytes: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#settle = (result) => {
        if (result instanceof HttpBodyError) reject(result);
        else resolve(result);
      };
      this.#bytesMax = bytesMax;
      if (announcedBytes > bytesMax) this.#fail(tooLarge(bytesMax));
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#settle === undefined) return;
    this.#giveOwed();
    if (this.#bytes > this.#bytesMax) this.#fail(tooLarge(this.#bytesMax));
    if (this.#error !== undefined) this.#settle(this.#error);
    else if (this.#isComplete) {
      this.release();
      this.#settle(this.#buffer.subarray(0, this.#bytes));
    }
  }

  #giveOwed(): void {
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    if (owed > 0) this.#consumed(owed);
  }

  #fail(error: HttpBodyError): void {
    this.#error ??= error;
    this.#buffer = Buffer.alloc(0);
    this.#bytes = 0;
    this.release();
    this.#settle?.(this.#error);
  }
}

function tooLarge(bytesMax: number): HttpBodyError {
  return new HttpBodyError('tooLarge', `the body is longer than ${bytesMax} bytes`);
}
