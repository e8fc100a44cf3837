import type { Bytes } from '../../base/index.ts';
import type { TikvClient } from '../../tikv/index.ts';
import { holds } from '../index.ts';
import type { Condition } from '../index.ts';

/** What a commit needs of the client. */
export type Transactions = Pick<TikvClient, 'timestamp' | 'snapshot' | 'commit'>;

/**
 * A start timestamp, and what the keys of a commit's conditions held at it. A commit at this timestamp takes effect only
 * if none of them, all of which it writes, was written after it: so conditions that held then hold when it commits.
 */
export class Fence {
  readonly timestamp: bigint;
  /** By the clock, when the timestamp was asked for. */
  readonly takenMs: number;
  readonly #values: ReadonlyMap<string, Bytes | undefined>;

  private constructor(timestamp: bigint, takenMs: number, values: ReadonlyMap<string, Bytes | undefined>) {
    this.timestamp = timestamp;
    this.takenMs = takenMs;
    this.#values = values;
  }

  /** Reads `keys` at `timestamp`, which must not be below any commit that the caller knows of. */
  static async at(
    client: Transactions,
    timestamp: bigint,
    taken: { readonly keys: readonly Bytes[]; readonly atMs: number; readonly signal?: AbortSignal },
  ): Promise<Fence> {
    const { keys, atMs, signal } = taken;
    const options = signal === undefined ? {} : { signal };
    const snapshot = await client.snapshot(timestamp, options);
    const values = await snapshot.batchGet(keys, options);
    return new Fence(timestamp, atMs, new Map(keys.map((key, i) => [nameOf(key), values[i]])));
  }

  /** Whether it has read the key of every condition. */
  covers(conditions: readonly Condition[]): boolean {
    return conditions.every(({ key }) => this.#values.has(nameOf(key)));
  }

  /** One of `conditions`, all of them covered, that does not hold; undefined if all do. */
  broken(conditions: readonly Condition[]): Condition | undefined {
    return conditions.find((condition) => !holds(condition, this.#values.get(nameOf(condition.key))));
  }
}

export function nameOf(key: Bytes): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
