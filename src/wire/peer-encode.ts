import type { Bytes } from '../base/index.ts';
import type { PeerAnswer, PeerCall, PeerChunk, PeerMessage } from './peer-message.ts';
import {
  ANNOUNCE,
  ANSWERS,
  BYTES_1,
  BYTES_2,
  BYTES_3,
  BYTES_4,
  CALLS,
  COMMIT,
  HELLO,
  INDEX,
  INT_1,
  INT_2,
  INT_3,
  INT_4,
  NOT_LEADER,
  READ_INDEX,
  RELEASED,
} from './peer-tags.ts';
import {
  bigFieldSize,
  bytesFieldSize,
  copyInto,
  int64FieldSize,
  messageFieldSize,
  varintSize,
  writeBigField,
  writeFrame,
  writeInt64Field,
  writeVarint,
} from './writer.ts';

/** Bytes fields of at least that many bytes are referenced when a message is encoded; copying is cheaper below. */
const REFERENCED_BYTES_MIN = 1024;

/**
 * The bytes of a message, as slices that follow one another: large fields are slices of their own, not copies, so a
 * commit is sent with the very bytes that are stored.
 */
export function encodePeerMessage(message: PeerMessage): Uint8Array[] {
  switch (message.kind) {
    case 'hello': {
      const { to, from, name, member } = message;
      const texts = [to, from, name].map((text) => Buffer.from(text));
      const length = texts.reduce((sum, text) => sum + bytesFieldSize(text.length), bigFieldSize(member));
      const pieces = new Pieces(HELLO, length);
      texts.forEach((text, at) => pieces.bytes(BYTES_1 + 8 * at, text));
      pieces.big(INT_4, member);
      return pieces.end();
    }
    case 'readIndex': {
      const pieces = new Pieces(READ_INDEX, int64FieldSize(message.id));
      pieces.int(INT_1, message.id);
      return pieces.end();
    }
    case 'calls':
      return encodeCalls(message.calls);
    case 'notLeader':
      return new Pieces(NOT_LEADER, 0).end();
    case 'commit':
      return encodeCommit(message.epoch, message.announced, message.chunks);
    case 'announce': {
      const { epoch, sequence } = message;
      const pieces = new Pieces(ANNOUNCE, int64FieldSize(epoch) + int64FieldSize(sequence));
      pieces.int(INT_1, epoch);
      pieces.int(INT_2, sequence);
      return pieces.end();
    }
    case 'index': {
      const { id, epoch, sequence } = message;
      const sequenceSize = sequence === undefined ? 0 : 1 + varintSize(sequence);
      const pieces = new Pieces(INDEX, int64FieldSize(id) + int64FieldSize(epoch) + sequenceSize);
      pieces.int(INT_1, id);
      pieces.int(INT_2, epoch);
      // Written even when it is 0: absent means something else.
      if (sequence !== undefined) pieces.present(INT_3, sequence);
      return pieces.end();
    }
    case 'answers':
      return encodeAnswers(message.answers);
    case 'released': {
      const to = Buffer.from(message.to);
      const pieces = new Pieces(RELEASED, bytesFieldSize(to.length));
      pieces.bytes(BYTES_1, to);
      return pieces.end();
    }
  }
}

/** The same in one piece. */
export function joinedPeerMessage(message: PeerMessage): Buffer {
  const slices = encodePeerMessage(message);
  const only = slices[0];
  return slices.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(slices);
}

function encodeCommit(epoch: number, announced: number, chunks: readonly PeerChunk[]): Uint8Array[] {
  let length = int64FieldSize(epoch) + int64FieldSize(announced);
  let referenced = 0;
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    length += messageFieldSize(chunkSize(chunk));
    referenced += referencedBytes(chunk.bytes);
  }
  const pieces = new Pieces(COMMIT, length, referenced);
  pieces.int(INT_1, epoch);
  pieces.int(INT_2, announced);
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    pieces.frame(BYTES_3, chunkSize(chunk));
    pieces.int(INT_1, chunk.sequence);
    pieces.bytes(BYTES_2, chunk.bytes);
  }
  return pieces.end();
}

function chunkSize({ sequence, bytes }: PeerChunk): number {
  return int64FieldSize(sequence) + bytesFieldSize(bytes.length);
}

function encodeCalls(calls: readonly PeerCall[]): Uint8Array[] {
  let length = 0;
  let referenced = 0;
  for (let at = 0; at < calls.length; at++) {
    const call = calls[at]!;
    length += messageFieldSize(callSize(call));
    referenced += referencedBytes(call.request);
  }
  const pieces = new Pieces(CALLS, length, referenced);
  for (let at = 0; at < calls.length; at++) {
    const call = calls[at]!;
    pieces.frame(BYTES_1, callSize(call));
    pieces.int(INT_1, call.id);
    pieces.text(BYTES_2, call.method);
    pieces.bytes(BYTES_3, call.request);
  }
  return pieces.end();
}

function callSize({ id, method, request }: PeerCall): number {
  return int64FieldSize(id) + bytesFieldSize(Buffer.byteLength(method)) + bytesFieldSize(request.length);
}

function encodeAnswers(answers: readonly PeerAnswer[]): Uint8Array[] {
  let length = 0;
  let referenced = 0;
  for (let at = 0; at < answers.length; at++) {
    const answer = answers[at]!;
    length += messageFieldSize(answerSize(answer));
    referenced += referencedBytes(answer.body);
  }
  const pieces = new Pieces(ANSWERS, length, referenced);
  for (let at = 0; at < answers.length; at++) {
    const answer = answers[at]!;
    pieces.frame(BYTES_1, answerSize(answer));
    pieces.int(INT_1, answer.id);
    pieces.int(INT_2, answer.code);
    pieces.text(BYTES_3, answer.message);
    pieces.bytes(BYTES_4, answer.body);
  }
  return pieces.end();
}

function answerSize({ id, code, message, body }: PeerAnswer): number {
  return (
    int64FieldSize(id) +
    int64FieldSize(code) +
    bytesFieldSize(Buffer.byteLength(message)) +
    bytesFieldSize(body.length)
  );
}

function referencedBytes(bytes: Bytes): number {
  return bytes.length >= REFERENCED_BYTES_MIN ? bytes.length : 0;
}

/** Writes a message into one block, and cuts it where a large field comes between. */
class Pieces {
  readonly #block: Buffer;
  readonly #slices: Uint8Array[] = [];
  #at: number;
  #start = 0;

  /** A message with the one member `tag` of `length` bytes, `referenced` of which are large fields. */
  constructor(tag: number, length: number, referenced = 0) {
    this.#block = Buffer.allocUnsafe(messageFieldSize(length) - referenced);
    this.#at = writeFrame(this.#block, 0, tag, length);
  }

  frame(tag: number, length: number): void {
    this.#at = writeFrame(this.#block, this.#at, tag, length);
  }

  int(tag: number, value: number): void {
    this.#at = writeInt64Field(this.#block, this.#at, tag, value);
  }

  /** A number that is written even when it is 0. */
  present(tag: number, value: number): void {
    this.#block[this.#at] = tag;
    this.#at = writeVarint(this.#block, this.#at + 1, value);
  }

  big(tag: number, value: bigint): void {
    this.#at = writeBigField(this.#block, this.#at, tag, value);
  }

  text(tag: number, value: string): void {
    const length = Buffer.byteLength(value);
    if (length === 0) return;
    this.frame(tag, length);
    this.#at += this.#block.write(value, this.#at, length);
  }

  bytes(tag: number, value: Bytes): void {
    const { length } = value;
    if (length === 0) return;
    this.frame(tag, length);
    if (length < REFERENCED_BYTES_MIN) {
      this.#at = copyInto(this.#block, this.#at, value, 0, length);
      return;
    }
    this.#slices.push(this.#block.subarray(this.#start, this.#at), value);
    this.#start = this.#at;
  }

  end(): Uint8Array[] {
    if (this.#start === 0) this.#slices.push(this.#block);
    else if (this.#start < this.#at) this.#slices.push(this.#block.subarray(this.#start, this.#at));
    return this.#slices;
  }
}
