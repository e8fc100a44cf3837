import { assert } from '../../base/index.ts';
import { HttpBodyError, type BodyStream, type BodyStreamOptions } from './exchange.ts';
import type { Receiving, SlowSenders } from './slow-senders.ts';

const bufferBytesMin = 1024;
const nothing = Buffer.alloc(0);

/** Where memory for bodies comes from, and goes back to. */
export interface BodyMemory {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export interface RequestBodyOptions {
  /** Hears how many bytes more may come. */
  readonly consumed: (bytes: number) => void;
  readonly memory: BodyMemory;
  /** Look after a body whose end has not come. */
  readonly senders: SlowSenders;
  /** The client had enough time to send what was asked of it. */
  readonly onOverdue: () => void;
}

/**
 * The body of a request, of whatever version of HTTP: collected for `read`, or handed on as it comes by `stream`. Before
 * somebody asks for it, no more is taken than the client may send unasked; what comes after it was found too long is thrown
 * away.
 */
export class RequestBody implements BodyStream, Receiving {
  readonly #options: RequestBodyOptions;
  #takenBytes = 0;
  /** What has come and was not taken is from `#from` to `#to`. */
  #buffer: Buffer = nothing;
  #from = 0;
  #to = 0;
  /** Bytes that the client may not send again yet. */
  #owedBytes = 0;
  #bytesMax = -1;
  #isComplete = false;
  #error: HttpBodyError | undefined;
  #settle: ((result: Buffer | HttpBodyError) => void) | undefined;
  #reader: BodyStreamOptions | undefined;
  /** The reader waits for the client. */
  #wantsMore = false;
  /** Something of a stream was taken: what comes next may take its time to begin. */
  #hasBegun = false;
  #waitedTicks = 0;

  constructor(options: RequestBodyOptions) {
    this.#options = options;
    options.senders.add(this);
  }

  /** Takes a copy: parts may be tiny views of large chunks. */
  data(chunk: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#error !== undefined) {
      this.#options.consumed(length);
      return;
    }
    this.#owedBytes += length;
    if (!this.#makeRoom(length)) {
      this.#fail(
        new HttpBodyError('tooLarge', 'too much memory is taken by requests that have not come whole'),
      );
      return;
    }
    chunk.copy(this.#buffer, this.#to, start, end);
    this.#to += length;
    this.#goOn();
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(this.#from, this.#to);
  }

  take(count: number): void {
    assert(count <= this.#to - this.#from, 'no more is taken than has come');
    this.#from += count;
    this.#hasBegun ||= count > 0;
    this.#waitedTicks = 0;
    if (this.#from === this.#to) this.#clear();
  }

  more(): void {
    if (this.#error !== undefined) return;
    if (this.#to - this.#from > this.#bytesMax) {
      this.#fail(tooLarge(this.#bytesMax));
      return;
    }
    this.#wantsMore = true;
    this.#giveOwed();
  }

  complete(): void {
    this.#isComplete = true;
    this.#options.senders.delete(this);
    this.#goOn();
  }

  /** Nobody wants it any more: what is there and what comes is thrown away. */
  discard(): void {
    this.#error ??= new HttpBodyError('cancelled', 'the request has been answered');
    this.#clear();
    this.#giveOwed();
  }

  /** The exchange has ended, or whoever has read the body answers for it. */
  release(): void {
    if (this.#takenBytes > 0) this.#options.memory.give(this.#takenBytes);
    this.#takenBytes = 0;
  }

  /** The exchange has ended, and with it what the client may send. */
  close(): void {
    this.release();
    this.#options.senders.delete(this);
  }

  /** The client has gone. */
  cancel(): void {
    this.#options.senders.delete(this);
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

  stream(options: BodyStreamOptions): BodyStream {
    assert(this.#settle === undefined, 'a body is read once');
    this.#reader = options;
    this.#bytesMax = options.bytesMax;
    return this;
  }

  tick(ticksMax: number): void {
    if (!this.#isWaiting()) this.#waitedTicks = 0;
    else if (++this.#waitedTicks > ticksMax) {
      this.#options.senders.delete(this);
      this.#options.onOverdue();
    }
  }

  /** Whether it is the client who has to go on. Between the messages of a stream it may pause as long as it likes. */
  #isWaiting(): boolean {
    if (this.#reader === undefined || this.#error !== undefined) return true;
    return this.#wantsMore && (!this.#hasBegun || this.#from < this.#to);
  }

  #makeRoom(length: number): boolean {
    if (this.#to + length <= this.#buffer.length) return true;
    const kept = this.#to - this.#from;
    const total = kept + length;
    const isSpaceBefore = this.#from >= kept && total <= this.#buffer.length;
    if (isSpaceBefore) this.#buffer.copyWithin(0, this.#from, this.#to);
    else {
      const size = Math.max(total, 2 * kept, bufferBytesMin);
      if (size > this.#takenBytes && !this.#options.memory.take(size - this.#takenBytes)) return false;
      this.#takenBytes = Math.max(size, this.#takenBytes);
      const grown = Buffer.allocUnsafeSlow(this.#takenBytes);
      this.#buffer.copy(grown, 0, this.#from, this.#to);
      this.#buffer = grown;
    }
    this.#from = 0;
    this.#to = kept;
    return true;
  }

  #goOn(): void {
    if (this.#reader !== undefined) {
      if (!this.#wantsMore || this.#error !== undefined) return;
      this.#wantsMore = false;
      this.#reader.onData();
      return;
    }
    if (this.#settle === undefined) return;
    this.#giveOwed();
    if (this.#to > this.#bytesMax) this.#fail(tooLarge(this.#bytesMax));
    if (this.#error !== undefined) this.#settle(this.#error);
    else if (this.#isComplete) {
      this.release();
      this.#settle(this.bytes);
    }
  }

  #giveOwed(): void {
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    if (owed > 0) this.#options.consumed(owed);
  }

  #clear(): void {
    this.#buffer = nothing;
    this.#from = 0;
    this.#to = 0;
    this.release();
  }

  #fail(error: HttpBodyError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#clear();
    this.#giveOwed();
    this.#settle?.(error);
    if (error.code === 'tooLarge') this.#reader?.onError(error);
  }
}

function tooLarge(bytesMax: number): HttpBodyError {
  return new HttpBodyError('tooLarge', `the body is longer than ${bytesMax} bytes`);
}
