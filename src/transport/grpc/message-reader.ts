import { GrpcCode, type GrpcStatus } from '../status.ts';
import type { GzipQueue } from './gzip-queue.ts';
import { gunzip, gunzipNow, inflatedNowBytesMax } from './gzip.ts';
import { prefixBytes } from './prefix.ts';

/** Who takes the messages of a request. */
export interface MessageSink {
  readonly isGzip: boolean;
  /** A longer message is refused before it is read. */
  readonly receiveBytesMax: number;
  /** A message, which nobody writes into again. */
  message(request: Buffer): void;
  /** The client has sent its last byte. `isCut`: in the middle of a message. */
  finished(isCut: boolean): void;
  /** The request breaks a rule: the call ends with this. */
  broken(status: GrpcStatus): void;
  /** There is room for so many bytes more. */
  consumed(bytes: number): void;
  /** Asks for memory for the beginning of a message. False: there is none, and the call has to end. */
  take(bytes: number): boolean;
  /** Gives it back. */
  give(bytes: number): void;
  /** Where long messages wait to be inflated. */
  readonly gzipQueue: GzipQueue;
}

/** What the beginning of a message gets at first. More only when more has come: to announce much costs nothing. */
const bufferBytesMin = 256;
/** Smaller ones are bounded by the number of streams, and not asked for. */
const askedBytesMin = 4096;

/** What is wrong with the prefix of a message, before more of it is read. Texts of gRPC for Go (rpc_util.go). */
export function prefixProblem(flag: number, length: number, sink: MessageSink): GrpcStatus | undefined {
  if (length > sink.receiveBytesMax) {
    const message = `grpc: received message larger than max (${length} vs. ${sink.receiveBytesMax})`;
    return { code: GrpcCode.resourceExhausted, message };
  }
  if (flag === 0) return undefined;
  if (flag > 1) return internal(`grpc: received unexpected payload format ${flag}`);
  return sink.isGzip ? undefined : internal('grpc: compressed flag set with identity or empty encoding');
}

const noRoom: GrpcStatus = {
  code: GrpcCode.resourceExhausted,
  message: 'too much memory is taken by messages that have not come whole',
};

function internal(message: string): GrpcStatus {
  return { code: GrpcCode.internal, message };
}

/**
 * Cuts the body of a request into messages, whatever its frames are. A message within one frame is given as a view of it;
 * parts of one are copied together, because a view of a byte would keep all that the socket read.
 */
export class MessageReader {
  readonly #sink: MessageSink;
  /** What has come and was not given away: the beginning of a message, or all that came while nobody wanted more. */
  #kept: Buffer | undefined;
  #keptBytes = 0;
  /** What the sink gave for `#kept`. */
  #takenBytes = 0;
  /** Bytes of `#kept` that were not reported as consumed. */
  #owedBytes = 0;
  #isPaused = false;
  #isInflating = false;
  #isParsing = false;
  #isAtEnd = false;
  #isClosed = false;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  data(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    if (isLast) this.#isAtEnd = true;
    if (this.#isClosed) {
      this.#sink.consumed(end - start);
      return;
    }
    if (this.#kept === undefined && !this.#isHeld) {
      this.#parse(chunk, start, end, end - start);
      return;
    }
    this.#owedBytes += end - start;
    this.#keep(chunk, start, end);
    this.#goOn();
  }

  /** The request ended without a further byte. */
  end(): void {
    this.#isAtEnd = true;
    this.#goOn();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#goOn();
  }

  /** Gives nothing any more; what still comes is thrown away. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forget();
    this.#settle(0);
  }

  get #isHeld(): boolean {
    return this.#isPaused || this.#isInflating;
  }

  #goOn(): void {
    if (this.#isHeld || this.#isParsing || this.#isClosed) return;
    const kept = this.#kept;
    const length = this.#keptBytes;
    if (kept !== undefined && length >= this.#neededBytes(kept, length)) {
      // Views of it are given away, so that it is not written into any more.
      this.#forget();
      this.#parse(kept, 0, length, 0);
      return;
    }
    this.#settle(0);
    this.#finish();
  }

  /** With how many bytes the next step can be made: the prefix, then the message with it, if it is one to be read. */
  #neededBytes(bytes: Buffer, length: number): number {
    if (length < prefixBytes) return prefixBytes;
    const messageBytes = bytes.readUInt32BE(1);
    const isBroken = prefixProblem(bytes[0]!, messageBytes, this.#sink) !== undefined;
    return isBroken ? prefixBytes : prefixBytes + messageBytes;
  }

  /** Gives away what is complete, and keeps the rest. `newBytes` were not reported as consumed. */
  #parse(chunk: Buffer, start: number, end: number, newBytes: number): void {
    this.#owedBytes += newBytes;
    this.#isParsing = true;
    let at = start;
    while (end - at >= prefixBytes && !this.#isHeld && !this.#isClosed) {
      const flag = chunk[at]!;
      const length = chunk.readUInt32BE(at + 1);
      const problem = prefixProblem(flag, length, this.#sink);
      if (problem !== undefined) {
        this.#break(problem);
        break;
      }
      if (end - at < prefixBytes + length) break;
      at += prefixBytes + length;
      this.#take(flag, chunk.subarray(at - length, at));
    }
    this.#isParsing = false;
    if (this.#isClosed) {
      this.#settle(0);
      return;
    }
    if (at < end) this.#keep(chunk, at, end);
    // The rest of a message has to come; what nobody wants yet is not asked for.
    this.#settle(this.#isHeld ? end - at : 0);
    this.#finish();
  }

  #take(flag: number, bytes: Buffer): void {
    if (flag === 0) {
      this.#sink.message(bytes);
      return;
    }
    const now =
      bytes.length <= inflatedNowBytesMax ? gunzipNow(bytes, this.#sink.receiveBytesMax) : undefined;
    if (now === undefined) this.#inflateLater(bytes);
    else this.#inflated(now);
  }

  #inflateLater(bytes: Buffer): void {
    const sink = this.#sink;
    if (!sink.take(bytes.length)) {
      this.#break(noRoom);
      return;
    }
    this.#isInflating = true;
    sink.gzipQueue.run((done) => {
      if (this.#isClosed) {
        sink.give(bytes.length);
        done();
        return;
      }
      gunzip(bytes, sink.receiveBytesMax, (result) => {
        sink.give(bytes.length);
        done();
        this.#isInflating = false;
        if (this.#isClosed) return;
        this.#inflated(result);
        this.#goOn();
      });
    });
  }

  #inflated(result: Buffer | GrpcStatus): void {
    if (result instanceof Uint8Array) this.#sink.message(result);
    else this.#break(result);
  }

  #break(status: GrpcStatus): void {
    this.close();
    this.#sink.broken(status);
  }

  /** Reports all but the last `rest` bytes as consumed. */
  #settle(rest: number): void {
    const bytes = this.#owedBytes - Math.min(rest, this.#owedBytes);
    if (bytes === 0) return;
    this.#owedBytes -= bytes;
    this.#sink.consumed(bytes);
  }

  /** gRPC for Go takes an end within a prefix for an end before it. */
  #finish(): void {
    if (!this.#isAtEnd || this.#isHeld || this.#isClosed) return;
    const isCut = this.#keptBytes >= prefixBytes;
    this.close();
    this.#sink.finished(isCut);
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const length = this.#keptBytes + end - start;
    if (this.#kept === undefined || this.#kept.length < length) {
      const bytes = Math.max(length, 2 * this.#keptBytes, bufferBytesMin);
      if (!this.#mayHold(bytes)) {
        this.#break(noRoom);
        return;
      }
      const grown = Buffer.allocUnsafeSlow(bytes);
      this.#kept?.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    chunk.copy(this.#kept, this.#keptBytes, start, end);
    this.#keptBytes = length;
  }

  #mayHold(bytes: number): boolean {
    if (bytes < askedBytesMin) return true;
    if (!this.#sink.take(bytes - this.#takenBytes)) return false;
    this.#takenBytes = bytes;
    return true;
  }

  /** Whoever has got `#kept` answers for its memory from now on. */
  #forget(): void {
    this.#kept = undefined;
    this.#keptBytes = 0;
    if (this.#takenBytes > 0) this.#sink.give(this.#takenBytes);
    this.#takenBytes = 0;
  }
}
