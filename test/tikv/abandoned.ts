import assert from 'node:assert/strict';
import { Op } from '../../src/tikv/messages.ts';
import type { StoreResponses } from '../../src/tikv/store-messages.ts';
import type { ClientContext } from './check.ts';

export interface Abandoned {
  /** What the transaction had done when it died. */
  readonly leave: 'locks' | 'secondary' | 'primary-committed' | 'primary-rolled-back';
  /** The first is the primary. Each should be in a region of its own, or all in one. */
  readonly keys: readonly string[];
  readonly value: string;
  readonly ttlMs: number;
  /** It can be pushed behind readers. @default 0n, it cannot */
  readonly minCommitTs?: bigint;
}

export interface DeadTransaction {
  readonly startTs: bigint;
  /** It was not dead: commits the primary, then the others. Rejects if that cannot be. */
  commit(): Promise<bigint>;
}

/** The tag that the client puts in front of values. */
const tag = Buffer.of(1);

/** Leaves what a transaction leaves that dies on its way. */
export async function abandon({ raw, stored }: ClientContext, left: Abandoned): Promise<DeadTransaction> {
  const startTs = await raw.timestamp();
  const keys = left.keys.map(stored);
  const [primary] = keys;
  assert.ok(primary !== undefined);
  const locked = left.leave === 'secondary' ? keys.slice(1) : keys;
  for (const key of locked.toReversed()) {
    const answer: StoreResponses['KvPrewrite'] = await raw.send(key, 'KvPrewrite', {
      mutations: [{ op: Op.Put, key, value: Buffer.concat([tag, Buffer.from(left.value)]) }],
      ...{ primaryLock: primary, startVersion: startTs, lockTtl: BigInt(left.ttlMs), txnSize: 1n },
      ...{ minCommitTs: left.minCommitTs ?? 0n, tryOnePc: false },
    });
    assert.deepEqual(answer.errors, []);
  }
  const commitKey = async (key: Buffer, commitVersion: bigint) => {
    const answer = await raw.send(key, 'KvCommit', { startVersion: startTs, commitVersion, keys: [key] });
    assert.equal(answer.error, undefined);
  };
  if (left.leave === 'primary-committed') await commitKey(primary, await raw.timestamp());
  if (left.leave === 'primary-rolled-back') {
    await raw.send(primary, 'KvBatchRollback', { startVersion: startTs, keys: [primary] });
  }
  return {
    startTs,
    async commit() {
      const commitTs = await raw.timestamp();
      for (const key of keys) await commitKey(key, commitTs);
      return commitTs;
    },
  };
}
