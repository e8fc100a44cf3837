import type { Bytes } from '../base/index.ts';
import { WireError } from './errors.ts';
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
import { Reader } from './reader.ts';

/** Calls, answers or chunks in one message at most, because each is an object whatever its size. */
export const peerItemsMax = 65_536;

/** Bytes of each text of a `hello` at most: it is kept, and logged, for whoever can open a link. */
export const greetingTextBytesMax = 4096;

/**
 * Reads a message; its bytes fields are views into `bytes`. Undefined: it is of no kind, or of one that only later versions
 * know.
 *
 * Throws WireError and nothing else, whatever the bytes are.
 */
export function decodePeerMessage(bytes: Bytes): PeerMessage | undefined {
  const reader = new Reader(bytes);
  let message: PeerMessage | undefined;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    const read = readers.get(tag);
    if (read === undefined) {
      reader.skip(tag);
      continue;
    }
    const outerEnd = reader.enter();
    message = read(reader);
    reader.leave(outerEnd);
  }
  return message;
}

const readers: ReadonlyMap<number, (reader: Reader) => PeerMessage> = new Map([
  [HELLO, readHello],
  [READ_INDEX, readReadIndex],
  [CALLS, readCalls],
  [NOT_LEADER, readNotLeader],
  [COMMIT, readCommit],
  [ANNOUNCE, readAnnounce],
  [INDEX, readIndex],
  [ANSWERS, readAnswers],
  [RELEASED, readReleased],
]);

function readHello(reader: Reader): PeerMessage {
  let to = '';
  let from = '';
  let name = '';
  let member = 0n;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === BYTES_1) to = greetingText(reader);
    else if (tag === BYTES_2) from = greetingText(reader);
    else if (tag === BYTES_3) name = greetingText(reader);
    else if (tag === INT_4) member = BigInt.asUintN(64, reader.bigInt64());
    else reader.skip(tag);
  }
  return { kind: 'hello', to, from, name, member };
}

function readReadIndex(reader: Reader): PeerMessage {
  let id = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) id = natural(reader);
    else reader.skip(tag);
  }
  return { kind: 'readIndex', id };
}

function readCalls(reader: Reader): PeerMessage {
  const calls: PeerCall[] = [];
  /** The calls of a turn are mostly of one method. */
  const last: LastText = { bytes: undefined, text: '' };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag !== BYTES_1) {
      reader.skip(tag);
      continue;
    }
    if (calls.length >= peerItemsMax) throw tooMany(reader);
    const outerEnd = reader.enter();
    calls.push(readCall(reader, last));
    reader.leave(outerEnd);
  }
  return { kind: 'calls', calls };
}

interface LastText {
  bytes: Bytes | undefined;
  text: string;
}

function readCall(reader: Reader, last: LastText): PeerCall {
  let id = 0;
  let method = '';
  let request = NO_BYTES;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) id = natural(reader);
    else if (tag === BYTES_2) {
      const { position } = reader;
      const bytes = reader.view();
      if (last.bytes === undefined || Buffer.compare(last.bytes, bytes) !== 0) {
        last.bytes = bytes;
        last.text = textOf(bytes, position);
      }
      method = last.text;
    } else if (tag === BYTES_3) request = reader.view();
    else reader.skip(tag);
  }
  return { id, method, request };
}

function readNotLeader(reader: Reader): PeerMessage {
  while (reader.position < reader.end) reader.skip(reader.tag());
  return { kind: 'notLeader' };
}

function readCommit(reader: Reader): PeerMessage {
  const chunks: PeerChunk[] = [];
  let epoch = 0;
  let announced = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) epoch = natural(reader);
    else if (tag === INT_2) announced = natural(reader);
    else if (tag === BYTES_3) {
      if (chunks.length >= peerItemsMax) throw tooMany(reader);
      const outerEnd = reader.enter();
      chunks.push(readChunk(reader));
      reader.leave(outerEnd);
    } else reader.skip(tag);
  }
  return { kind: 'commit', epoch, chunks, announced };
}

function readChunk(reader: Reader): PeerChunk {
  let sequence = 0;
  let bytes = NO_BYTES;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) sequence = natural(reader);
    else if (tag === BYTES_2) bytes = reader.view();
    else reader.skip(tag);
  }
  return { sequence, bytes };
}

function readAnnounce(reader: Reader): PeerMessage {
  let epoch = 0;
  let sequence = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) epoch = natural(reader);
    else if (tag === INT_2) sequence = natural(reader);
    else reader.skip(tag);
  }
  return { kind: 'announce', epoch, sequence };
}

function readIndex(reader: Reader): PeerMessage {
  let id = 0;
  let epoch = 0;
  let sequence: number | undefined;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) id = natural(reader);
    else if (tag === INT_2) epoch = natural(reader);
    else if (tag === INT_3) sequence = natural(reader);
    else reader.skip(tag);
  }
  return { kind: 'index', id, epoch, sequence };
}

function readAnswers(reader: Reader): PeerMessage {
  const answers: PeerAnswer[] = [];
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag !== BYTES_1) {
      reader.skip(tag);
      continue;
    }
    if (answers.length >= peerItemsMax) throw tooMany(reader);
    const outerEnd = reader.enter();
    answers.push(readAnswer(reader));
    reader.leave(outerEnd);
  }
  return { kind: 'answers', answers };
}

function readAnswer(reader: Reader): PeerAnswer {
  let id = 0;
  let code = 0;
  let message = '';
  let body = NO_BYTES;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === INT_1) id = natural(reader);
    else if (tag === INT_2) code = natural(reader);
    else if (tag === BYTES_3) message = text(reader);
    else if (tag === BYTES_4) body = reader.view();
    else reader.skip(tag);
  }
  return { id, code, message, body };
}

function readReleased(reader: Reader): PeerMessage {
  let to = '';
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === BYTES_1) to = text(reader);
    else reader.skip(tag);
  }
  return { kind: 'released', to };
}

const NO_BYTES: Bytes = Buffer.alloc(0);

/** A number of ours. The reader saturates, and what it saturates at is none of ours either. */
export function natural(reader: Reader): number {
  const { position } = reader;
  const value = reader.int64();
  if (value < 0 || value >= Number.MAX_SAFE_INTEGER) {
    throw new WireError('valueOutOfRange', position, 'a number that no node counts to');
  }
  return value;
}

function text(reader: Reader): string {
  const { position } = reader;
  return textOf(reader.view(), position);
}

function greetingText(reader: Reader): string {
  const { position } = reader;
  const bytes = reader.view();
  if (bytes.length <= greetingTextBytesMax) return textOf(bytes, position);
  throw new WireError('valueOutOfRange', position, `a text of more than ${greetingTextBytesMax} bytes`);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Bytes, position: number): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new WireError('invalidText', position, 'text that is not UTF-8', { cause });
  }
}

function tooMany(reader: Reader): WireError {
  const detail = `more than ${peerItemsMax} calls, answers or chunks in one message`;
  return new WireError('valueOutOfRange', reader.position, detail);
}
