import { compareBytes } from '../../base/index.ts';
import { TikvError } from '../errors.ts';
import type { Keyspace } from '../keyspace.ts';
import { Op } from '../messages.ts';
import type { ValueCodec } from '../values.ts';
import type { Mutation } from './mutation.ts';

/** Keys and values of one transaction, as client-go's `txn-total-size-limit`. */
export const TXN_BYTES_MAX = 100 * 1024 * 1024;

/** A mutation as it is sent: the stored key, the stored value, one of `Op`. */
export interface StoredMutation {
  readonly op: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A transaction as it is sent. */
export interface PreparedTxn {
  /** By key; a key occurs once. */
  readonly mutations: readonly StoredMutation[];
  /** The keys that are locked and committed: all but those that are only checked. By key. */
  readonly lockedKeys: readonly Buffer[];
  /** One of `lockedKeys`: whether it is committed decides for all. */
  readonly primary: Buffer;
  /** Of keys and values. */
  readonly bytes: number;
}

const OPS = {
  put: Op.Put,
  insert: Op.Insert,
  delete: Op.Del,
  'check-not-exists': Op.CheckNotExists,
  lock: Op.Lock,
} as const;

const NO_VALUE = Buffer.alloc(0);

/** @throws TikvError `invalid`, `too_large` */
export function prepareTxn(
  mutations: readonly Mutation[],
  codec: { readonly keyspace: Keyspace; readonly values: ValueCodec },
  primaryKey?: Uint8Array,
): PreparedTxn {
  const stored = mutations.map((mutation): StoredMutation => {
    const value = 'value' in mutation ? codec.values.toStore(mutation.value) : NO_VALUE;
    return { op: OPS[mutation.op], key: codec.keyspace.toStore(mutation.key), value };
  });
  stored.sort((a, b) => compareBytes(a.key, b.key));
  verifyUnique(stored);
  const lockedKeys = stored.filter(({ op }) => op !== Op.CheckNotExists).map(({ key }) => key);
  const first = lockedKeys[0];
  if (first === undefined) throw new TikvError('invalid', 'A transaction that writes and locks nothing');
  const bytes = stored.reduce((sum, mutation) => sum + mutationBytes(mutation), 0);
  if (bytes > TXN_BYTES_MAX) {
    throw new TikvError('too_large', `A transaction of ${bytes} bytes; the limit is ${TXN_BYTES_MAX}`);
  }
  const primary = primaryKey === undefined ? first : codec.keyspace.toStore(primaryKey);
  if (primaryKey !== undefined && !lockedKeys.some((key) => key.equals(primary))) {
    throw new TikvError('invalid', 'The primary key is none that the transaction writes or locks');
  }
  return { mutations: stored, lockedKeys, primary, bytes };
}

export function mutationBytes(mutation: StoredMutation): number {
  return mutation.key.length + mutation.value.length;
}

function verifyUnique(sorted: readonly StoredMutation[]): void {
  for (let at = 1; at < sorted.length; at++) {
    const { key } = sorted[at]!;
    if (key.equals(sorted[at - 1]!.key)) {
      throw new TikvError(
        'invalid',
        `A transaction has two mutations of the stored key ${key.toString('hex')}`,
      );
    }
  }
}
