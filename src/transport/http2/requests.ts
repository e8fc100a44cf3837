import { encodeHeaders, HpackDecoder, HpackError } from '../hpack/index.ts';
import { ErrorCode } from './error-code.ts';
import { FLAG_END_HEADERS, FLAG_END_STREAM, FLAG_PADDED, FLAG_PRIORITY, readUint32 } from './frame.ts';
import { parseRequestHead, trailersProblem } from './header-rules.ts';
import { RequestHead } from './request-head.ts';
import type { Session } from './session.ts';
import { ServedStream } from './stream.ts';
import { StreamState } from './stream-state.ts';
import { calmDown, ConnectionViolation, frameSizeError, protocolError } from './violation.ts';

/** What a decoder is announced to keep; the initial value, so that it need not be announced. */
const TABLE_BYTES_MAX = 4096;
/** Heads that are remembered for header blocks that come again. */
const HEADS_MAX = 32;
/** Larger ones are not remembered. */
const HEAD_BYTES_MAX = 4096;

const tooLargeAnswer = encodeHeaders([
  [':status', '431'],
  ['content-length', '0'],
]);
const noHead = new RequestHead({
  method: '',
  scheme: '',
  authority: '',
  path: '',
  fields: [],
  isGrpc: false,
  contentLength: -1,
});

/** Reads the frames that make up requests: HEADERS, CONTINUATION, DATA and RST_STREAM. Throws ConnectionViolation. */
export class RequestReader {
  /** Header blocks that did not come in one frame, so far. */
  blocksBegun = 0;
  readonly #session: Session;
  readonly #decoder: HpackDecoder;
  /** The stream of the header block under way, or 0; its parts so far, and what its HEADERS said. */
  #blockId = 0;
  #blockParts: Buffer[] = [];
  #blockBytes = 0;
  #blockIsLast = false;
  #blockIsCircular = false;
  /** Heads by the field lists that they were read from, the last one apart. */
  readonly #heads = new Map<readonly string[], RequestHead>();
  #lastFields: readonly string[] | undefined;
  #lastHead = noHead;

  constructor(session: Session) {
    this.#session = session;
    const listBytesMax = session.environment.limits.headerListBytesMax;
    this.#decoder = new HpackDecoder({ tableBytesMax: TABLE_BYTES_MAX, listBytesMax });
  }

  /** Only CONTINUATION may come. */
  get isInBlock(): boolean {
    return this.#blockId !== 0;
  }

  headers(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if ((id & 1) === 0) throw protocolError("HEADERS on a stream that is not the client's");
    let from = start;
    let to = end;
    if ((flags & FLAG_PADDED) !== 0) {
      if (from === to) throw frameSizeError('HEADERS without pad length');
      to -= chunk[from++]!;
    }
    let isCircular = false;
    if ((flags & FLAG_PRIORITY) !== 0) {
      if (to - from < 5) throw frameSizeError('HEADERS too short for priority');
      isCircular = (readUint32(chunk, from) & 0x7fff_ffff) === id;
      from += 5;
    }
    if (to < from) throw protocolError('padding longer than HEADERS');
    const isLast = (flags & FLAG_END_STREAM) !== 0;
    if ((flags & FLAG_END_HEADERS) !== 0) {
      this.#block(id, isLast, isCircular, chunk, from, to);
      return;
    }
    this.blocksBegun++;
    this.#blockId = id;
    this.#blockIsLast = isLast;
    this.#blockIsCircular = isCircular;
    this.#blockParts = [];
    this.#blockBytes = 0;
    this.#addPart(chunk.subarray(from, to));
  }

  continuation(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if (this.#blockId === 0 || this.#blockId !== id) throw protocolError('unexpected CONTINUATION');
    this.#addPart(chunk.subarray(start, end));
    if ((flags & FLAG_END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#blockParts);
    this.#blockParts = [];
    this.#blockId = 0;
    this.#block(id, this.#blockIsLast, this.#blockIsCircular, block, 0, block.length);
  }

  data(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    const session = this.#session;
    const length = end - start;
    if (length > session.receiveWindow) {
      throw new ConnectionViolation(ErrorCode.flowControlError, 'DATA beyond the window of the connection');
    }
    session.receiveWindow -= length;
    let from = start;
    let to = end;
    if ((flags & FLAG_PADDED) !== 0) {
      if (length === 0) throw frameSizeError('DATA without pad length');
      to -= chunk[from++]!;
      if (to < from) throw protocolError('padding longer than DATA');
    }
    const isLast = (flags & FLAG_END_STREAM) !== 0;
    if (from === to && !isLast) session.floods.emptyData(session.environment.second);
    const stream = session.streams.get(id);
    if (stream === undefined) {
      this.#lateData(id, length);
      return;
    }
    const error = dataError(stream, length, to - from, isLast);
    if (error !== ErrorCode.noError) {
      session.grant(length);
      session.streamError(stream, error);
      return;
    }
    this.#deliver(stream, isLast, length, chunk, from, to);
  }

  reset(id: number, chunk: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('RST_STREAM of a wrong size');
    const session = this.#session;
    const stream = session.streams.get(id);
    if (stream !== undefined) session.resetByPeer(stream, readUint32(chunk, start));
    else if ((id & 1) === 0 || id > session.lastId) throw protocolError('RST_STREAM on an idle stream');
    else session.floods.ignored(session.environment.second);
  }

  #addPart(part: Buffer): void {
    const limits = this.#session.environment.limits;
    this.#blockBytes += part.length;
    if (this.#blockBytes > limits.headerBlockBytesMax) throw calmDown('header block too large');
    if (this.#blockParts.length > limits.continuationsMax) throw calmDown('too many CONTINUATION');
    this.#blockParts.push(part);
  }

  /** A header block is complete. It has to be decoded whatever becomes of it, for the sake of the table. */
  #block(id: number, isLast: boolean, isCircular: boolean, chunk: Buffer, from: number, to: number): void {
    const fields = this.#decode(chunk, from, to);
    const stream = this.#session.streams.get(id);
    if (stream !== undefined) this.#trailers(stream, isLast, isCircular, fields);
    else if (id <= this.#session.lastId) this.#lateHeaders(id);
    else this.#open(id, isLast, isCircular, fields);
  }

  #decode(chunk: Buffer, from: number, to: number): readonly string[] | 'tooLarge' {
    try {
      return this.#decoder.decode(chunk, from, to);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ConnectionViolation(ErrorCode.compressionError, 'bad header block');
    }
  }

  #open(id: number, isLast: boolean, isCircular: boolean, fields: readonly string[] | 'tooLarge'): void {
    const session = this.#session;
    session.lastId = id;
    if (id > session.servedIdMax) return;
    if (session.streams.size >= session.environment.limits.streamsMax) {
      session.refuse(id, ErrorCode.refusedStream);
      return;
    }
    if (fields === 'tooLarge') {
      session.floods.reset(session.environment.second);
      const stream = new StreamState(id, noHead, isLast, 0, 0);
      session.sender.headers(stream, tooLargeAnswer, true);
      return;
    }
    const head = fields === this.#lastFields ? this.#lastHead : this.#head(fields);
    if (typeof head === 'string' || isCircular || (isLast && head.contentLength > 0)) {
      session.refuse(id, ErrorCode.protocolError);
      return;
    }
    const stream = new ServedStream(session, id, head, isLast);
    if (fields !== this.#lastFields) stream.headBytes = fieldBytes(fields);
    if (session.openHeaderBytes + stream.headBytes > session.environment.limits.openHeaderBytesMax) {
      session.refuse(id, ErrorCode.refusedStream);
      return;
    }
    session.add(stream);
    try {
      session.environment.handler.request(stream);
    } catch (error) {
      session.failed(stream, error);
    }
  }

  /** The head that was read from these very fields before, or a new one, or what is wrong with them. */
  #head(fields: readonly string[]): RequestHead | string {
    const known = this.#heads.get(fields);
    if (known !== undefined) {
      this.#lastFields = fields;
      this.#lastHead = known;
      return known;
    }
    const head = parseRequestHead(fields);
    // The decoder freezes what it may give again.
    if (typeof head !== 'string' && Object.isFrozen(fields) && fieldBytes(fields) <= HEAD_BYTES_MAX) {
      if (this.#heads.size >= HEADS_MAX) this.#heads.clear();
      this.#heads.set(fields, head);
    }
    return head;
  }

  #trailers(
    stream: StreamState,
    isLast: boolean,
    isCircular: boolean,
    fields: readonly string[] | 'tooLarge',
  ): void {
    const session = this.#session;
    if (stream.endedByPeer) {
      session.streamError(stream, ErrorCode.streamClosed);
      return;
    }
    if (fields === 'tooLarge') {
      session.streamError(stream, ErrorCode.enhanceYourCalm);
      return;
    }
    if (!isLast || isCircular || stream.bodyLeft > 0 || trailersProblem(fields) !== undefined) {
      session.streamError(stream, ErrorCode.protocolError);
      return;
    }
    stream.endedByPeer = true;
    try {
      stream.receiver.trailers(fields);
    } catch (error) {
      session.failed(stream, error);
    }
  }

  /** HEADERS for a stream that is closed: RFC 9113, sections 5.1 and 5.1.1. */
  #lateHeaders(id: number): void {
    const session = this.#session;
    session.floods.ignored(session.environment.second);
    if (id > session.servedIdMax || session.closed.wasReset(id)) return;
    if (session.closed.hasEnded(id)) {
      throw new ConnectionViolation(ErrorCode.streamClosed, 'HEADERS on a closed stream');
    }
    throw protocolError('stream id lower than the last one');
  }

  /** DATA for a stream that is not open: RFC 9113, section 5.1. */
  #lateData(id: number, length: number): void {
    const session = this.#session;
    if ((id & 1) === 0 || id > session.lastId) throw protocolError('DATA on an idle stream');
    session.grant(length);
    if (id > session.servedIdMax || session.closed.wasReset(id)) return;
    if (session.closed.hasEnded(id)) {
      throw new ConnectionViolation(ErrorCode.streamClosed, 'DATA on a closed stream');
    }
    session.refuse(id, ErrorCode.streamClosed);
  }

  #deliver(
    stream: StreamState,
    isLast: boolean,
    length: number,
    chunk: Buffer,
    from: number,
    to: number,
  ): void {
    const bytes = to - from;
    stream.receiveWindow -= length;
    stream.endedByPeer = isLast;
    stream.unconsumed += bytes;
    if (stream.bodyLeft > 0) stream.bodyLeft -= bytes;
    if (length > bytes) {
      this.#session.grantStream(stream, length - bytes);
      this.#session.grant(length - bytes);
    }
    try {
      stream.receiver.data(chunk, from, to, isLast);
    } catch (error) {
      this.#session.failed(stream, error);
    }
  }
}

/** As RFC 9113, section 6.5.2, counts them. */
function fieldBytes(fields: readonly string[]): number {
  let bytes = fields.length * 16;
  for (let at = 0; at < fields.length; at++) bytes += fields[at]!.length;
  return bytes;
}

/** What is wrong with a DATA frame for an open stream: RFC 9113, sections 5.1, 6.9 and 8.1.1. */
function dataError(stream: StreamState, length: number, bytes: number, isLast: boolean): number {
  if (stream.endedByPeer) return ErrorCode.streamClosed;
  if (length > stream.receiveWindow) return ErrorCode.flowControlError;
  if (stream.bodyLeft >= 0) {
    if (bytes > stream.bodyLeft || (isLast && bytes < stream.bodyLeft)) return ErrorCode.protocolError;
  }
  return ErrorCode.noError;
}
