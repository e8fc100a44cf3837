import type { ByteSource } from '../../src/transport/index.ts';
import type { LongMessage } from '../../src/wire/index.ts';

/** All bytes of a message in whatever form, read in pieces of `pieceBytes`. It is not closed. */
export function bytesOf(
  message: Uint8Array | readonly Uint8Array[] | ByteSource | LongMessage,
  pieceBytes = 1000,
): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  if (ArrayBuffer.isView(message)) return Buffer.from(message);
  const source = message as Pick<ByteSource, 'length' | 'read'>;
  const bytes = Buffer.alloc(source.length);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    source.read(bytes, at, Math.min(at + pieceBytes, bytes.length));
  }
  return bytes;
}

/** A source of given bytes. What a sender must not do with it fails. */
export class TestSource implements ByteSource {
  readonly length: number;
  isOverdue = false;
  /** Bytes that have been read, and how often it was closed. */
  position = 0;
  closed = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.length = bytes.length;
  }

  read(target: Uint8Array, start: number, end: number): void {
    const next = this.position + end - start;
    if (this.closed > 0 || next > this.length) throw new Error('read beyond the end');
    target.set(this.#bytes.subarray(this.position, next), start);
    this.position = next;
  }

  close(): void {
    if (this.closed++ > 0) throw new Error('closed twice');
  }
}
