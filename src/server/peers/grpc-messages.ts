/** Messages as gRPC puts them one after the other: a flag, a length, the bytes (gRPC over HTTP/2, Length-Prefixed-Message). */

const PREFIX_BYTES = 5;

/** A message with its prefix, in one piece. */
export function prefixed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  message.copy(bytes, PREFIX_BYTES);
  return bytes;
}

/** Cuts what comes into messages. One that came in one piece is given as a view of that. */
export class GrpcMessages {
  readonly #given: (message: Buffer) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** With how many bytes the next step can be made. */
  #needed = PREFIX_BYTES;

  constructor(given: (message: Buffer) => void) {
    this.#given = given;
  }

  /** Undefined, or what is wrong: nothing more can be read then. */
  push(piece: Buffer): string | undefined {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes < this.#needed) return undefined;
    let rest = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#bytes);
    this.#needed = PREFIX_BYTES;
    while (rest.length >= PREFIX_BYTES) {
      if (rest[0] !== 0) return 'a message is compressed, or none';
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) {
        this.#needed = end;
        break;
      }
      const message = rest.subarray(PREFIX_BYTES, end);
      rest = rest.subarray(end);
      this.#given(message);
    }
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return undefined;
  }
}
