import type { Bytes } from '../../../src/base/index.ts';
import { decodePeerMessage } from '../../../src/wire/peer-decode.ts';
import { encodePeerMessage } from '../../../src/wire/peer-encode.ts';
import type { PeerMessage } from '../../../src/wire/peer-message.ts';

/**
 * A message under way, encoded as on the wire. What it refers to is read when it gets there, as late as a transport might
 * do it; it must not have changed since it was sent.
 */
export class Parcel {
  readonly bytes: number;
  readonly #kind: string;
  readonly #slices: readonly Bytes[];
  readonly #sum: number;

  constructor(message: PeerMessage) {
    this.#kind = message.kind;
    this.#slices = encodePeerMessage(message);
    this.#sum = checksum(this.#slices);
    this.bytes = this.#slices.reduce((sum, slice) => sum + slice.length, 0);
  }

  /** Undefined: it cannot be read. */
  open(fail: (problem: string) => void): PeerMessage | undefined {
    if (checksum(this.#slices) !== this.#sum) fail(`a ${this.#kind} has changed while it was sent`);
    const message = decodePeerMessage(Buffer.concat(this.#slices));
    if (message === undefined) fail(`a ${this.#kind} cannot be read`);
    return message;
  }
}

function checksum(slices: readonly Bytes[]): number {
  let sum = 2166136261;
  for (const slice of slices) for (const byte of slice) sum = Math.imul(sum ^ byte, 16777619);
  return sum;
}
