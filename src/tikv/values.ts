import { TikvError } from './errors.ts';
import { verifyBytes } from './verify-bytes.ts';

/**
 * How values are stored.
 * - `tagged`: one byte is put in front of every value and taken off again, because TiKV cannot tell an empty value from
 *   none. What this client wrote, only this client (or one that knows of the byte) reads.
 * - `plain`: as they are, for data shared with other clients. An empty value is refused.
 */
export type ValueFormat = 'tagged' | 'plain';

/** The only tag there is. Another one in front of a value means that some other program wrote it. */
const TAG = 0x01;

/** Puts values into the form in which they are stored, and back. */
export interface ValueCodec {
  /** How many bytes a stored value is longer than the value. */
  readonly overheadBytes: number;
  /** @returns a new buffer, or `value` itself. */
  toStore(value: Uint8Array): Buffer;
  /** @returns a view of `stored`. @throws TikvError `protocol` if another program wrote it. */
  fromStore(stored: Buffer): Buffer;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const tagged: ValueCodec = {
  overheadBytes: 1,
  toStore(value) {
    verifyBytes('A value', value);
    const stored = Buffer.allocUnsafe(value.length + 1);
    stored[0] = TAG;
    stored.set(value, 1);
    return stored;
  },
  fromStore(stored) {
    if (stored[0] !== TAG) {
      throw new TikvError(
        'protocol',
        'A value without the tag byte: another program wrote it (see `values: "plain"`)',
      );
    }
    return stored.subarray(1);
  },
};

const plain: ValueCodec = {
  overheadBytes: 0,
  toStore(value) {
    verifyBytes('A value', value);
    if (value.length === 0) {
      throw new TikvError('invalid', 'An empty value cannot be stored as it is: TiKV reads it as none');
    }
    return asBuffer(value);
  },
  fromStore: (stored) => stored,
};

export function valueCodec(format: ValueFormat): ValueCodec {
  return format === 'tagged' ? tagged : plain;
}
