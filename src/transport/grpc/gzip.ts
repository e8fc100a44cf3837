import { createGzip, gunzip as zlibGunzip, gunzipSync, gzipSync, type ZlibOptions } from 'node:zlib';
import type { Message } from '../service.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import { closeMessage, isSlices, isSource } from './prefix.ts';

/** Compressed messages up to this length are inflated at once, if what they hold is not longer than the other. */
export const inflatedNowBytesMax = 1024;
const inflatedNowContentMax = 16 * 1024;
/** Messages up to this length are deflated at once. */
export const deflatedNowBytesMax = 16 * 1024;
/** Longer messages are sent as they are, as every message may be. */
export const deflatedBytesMax = 64 * 1024 * 1024;
/** What is deflated in one go of those that are longer. */
const pieceBytesMax = 64 * 1024;

/** With `info` zlib tells how much of its input it has used. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function options(bytesMax: number): ZlibOptions {
  return { maxOutputLength: Math.max(bytesMax, 1), info: true };
}

/**
 * The message, of at most `bytesMax`, or the status that the call ends with; or undefined for one that is too long to be
 * inflated at once: a thousand bytes can stand for a million.
 */
export function gunzipNow(bytes: Buffer, bytesMax: number): Buffer | GrpcStatus | undefined {
  const contentMax = Math.min(bytesMax, inflatedNowContentMax);
  try {
    return checked(gunzipSync(bytes, options(contentMax)) as unknown as Inflated, bytes, bytesMax);
  } catch (error) {
    const isLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' && contentMax < bytesMax;
    return isLong ? undefined : statusOf(error, bytes, bytesMax);
  }
}

/** The same off the event loop. */
export function gunzip(bytes: Buffer, bytesMax: number, done: (result: Buffer | GrpcStatus) => void): void {
  zlibGunzip(bytes, options(bytesMax), (error, result) => {
    done(
      error === null
        ? checked(result as unknown as Inflated, bytes, bytesMax)
        : statusOf(error, bytes, bytesMax),
    );
  });
}

/** Deflates a message. */
export function gzipNow(message: Message): Buffer {
  const pieces = [...piecesOf(message)];
  closeMessage(message);
  return gzipSync(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
}

/**
 * The same off the event loop, a piece after the other. `done` gets undefined when nobody wants it any more or zlib has no
 * memory.
 */
export function gzip(
  message: Message,
  isWanted: () => boolean,
  done: (result: Buffer | undefined) => void,
): void {
  const stream = createGzip();
  const deflated: Buffer[] = [];
  stream.on('data', (part: Buffer) => deflated.push(part));
  stream.once('end', () => done(Buffer.concat(deflated)));
  stream.once('error', () => done(undefined));
  stream.once('close', () => closeMessage(message));
  const pieces = piecesOf(message);
  const goOn = (): void => {
    if (stream.destroyed) return;
    if (!isWanted()) {
      stream.destroy();
      done(undefined);
      return;
    }
    const piece = pieces.next();
    if (piece.done === true) stream.end();
    else stream.write(piece.value, goOn);
  };
  goOn();
}

function* piecesOf(message: Message): Generator<Uint8Array, void> {
  if (isSource(message)) {
    for (let at = 0; at < message.length; at += pieceBytesMax) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytesMax, message.length - at));
      message.read(piece, 0, piece.length);
      yield piece;
    }
    return;
  }
  for (const slice of isSlices(message) ? message : [message]) {
    for (let at = 0; at < slice.length; at += pieceBytesMax) yield slice.subarray(at, at + pieceBytesMax);
  }
}

function checked({ buffer, engine }: Inflated, bytes: Buffer, bytesMax: number): Buffer | GrpcStatus {
  if (engine.bytesWritten < bytes.length) return internal(`${unreadable}: unexpected EOF`);
  return buffer.length > bytesMax ? tooLarge(bytesMax) : buffer;
}

const unreadable = 'grpc: failed to read decompressed data';

/** The texts of gRPC for Go and its gzip (rpc_util.go, compress/gzip), as far as zlib tells such things apart. */
function statusOf(error: unknown, bytes: Buffer, bytesMax: number): GrpcStatus {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(bytesMax);
  // Go reads the ten bytes of the head first.
  if (bytes.length < 10) {
    const end = bytes.length === 0 ? 'EOF' : 'unexpected EOF';
    return internal(`grpc: failed to decompress the message: ${end}`);
  }
  if (bytes.readUInt16BE(0) !== 0x1f8b || bytes[2] !== 8) {
    return internal('grpc: failed to decompress the message: gzip: invalid header');
  }
  switch (message) {
    case 'unexpected end of file':
      return internal(`${unreadable}: unexpected EOF`);
    case 'incorrect data check':
    case 'incorrect length check':
      return internal(`${unreadable}: gzip: invalid checksum`);
    case 'incorrect header check':
      return internal(`${unreadable}: gzip: invalid header`);
    default:
      return internal(`${unreadable}: flate: corrupt input`);
  }
}

function tooLarge(bytesMax: number): GrpcStatus {
  return {
    code: GrpcCode.resourceExhausted,
    message: `grpc: received message after decompression larger than max ${bytesMax}`,
  };
}

function internal(message: string): GrpcStatus {
  return { code: GrpcCode.internal, message };
}
