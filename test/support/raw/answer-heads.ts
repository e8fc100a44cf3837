import { HpackDecoder } from '../../../src/transport/hpack/index.ts';

/** What a header block of an answer says. */
export interface AnswerHead {
  readonly httpStatus: string | undefined;
  /** Of grpc-status; undefined in a block that is not the end. */
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string | undefined;
}

/** Reads the header blocks of one connection's answers: literal, Huffman-coded or from the header table. */
export class AnswerHeads {
  readonly #decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65_536 });
  /** The decoder gives the same array for the same block. Two kinds of block make up nearly all answers. */
  #fieldsA: readonly string[] | undefined;
  #fieldsB: readonly string[] | undefined;
  #headA: AnswerHead = headOf([]);
  #headB: AnswerHead = headOf([]);

  /** Throws HpackError: the connection is useless then. */
  read(block: Uint8Array, start: number, end: number): AnswerHead {
    const fields = this.#decoder.decode(block, start, end);
    if (fields === 'tooLarge') throw new RangeError('The header list of an answer is above 64 KiB');
    if (fields === this.#fieldsA) return this.#headA;
    if (fields === this.#fieldsB) return this.#headB;
    this.#fieldsB = this.#fieldsA;
    this.#headB = this.#headA;
    this.#fieldsA = fields;
    this.#headA = headOf(fields);
    return this.#headA;
  }
}

function headOf(fields: readonly string[]): AnswerHead {
  const value = (name: string): string | undefined => {
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1];
    return undefined;
  };
  const status = value('grpc-status');
  return {
    httpStatus: value(':status'),
    // Anything that is not a number must not pass for OK.
    grpcStatus: status === undefined ? undefined : /^\d+$/.test(status) ? Number(status) : 2,
    grpcMessage: value('grpc-message'),
  };
}
