import type { Backoff } from '../backoff.ts';
import { callForKey, callForKeys } from '../keyed-calls.ts';
import type { Lock } from '../lock/lock.ts';
import type { Session } from '../session.ts';
import type { StoreResponses } from '../store-messages.ts';
import { lockOf, MetLocks } from './met-locks.ts';

/** Keys of one KvBatchGet. */
const KEYS_MAX = 256;

/** Takes one key that was found and its value, both as they are stored. */
type Found = (key: Buffer, value: Buffer) => void;

export interface Read {
  readonly timestamp: bigint;
  readonly backoff: Backoff;
}

export interface ManyRead extends Read {
  readonly locks: MetLocks;
  readonly found: Found;
}

/** The value of a stored key at a timestamp. */
export async function readKey(session: Session, key: Buffer, read: Read): Promise<Buffer | undefined> {
  const { timestamp, backoff } = read;
  let locks: MetLocks | undefined;
  const request = { key, version: timestamp };
  for (;;) {
    const call = { method: 'KvGet', key, request, options: locks?.forGet } as const;
    const response = await callForKey(session.regions, call, backoff);
    if (response.error === undefined) {
      return response.notFound || response.value.length === 0 ? undefined : response.value;
    }
    locks ??= new MetLocks(session, timestamp);
    await locks.resolve([lockOf(response.error)], backoff);
  }
}

/** The values of stored keys, which are in order and none twice. A key that has none is not reported. */
export async function readKeys(session: Session, keys: readonly Buffer[], read: ManyRead): Promise<void> {
  if (keys.length === 0) return;
  const { timestamp, locks, backoff, found } = read;
  await callForKeys(
    session.regions,
    {
      method: 'KvBatchGet',
      keys,
      countMax: KEYS_MAX,
      request: (part) => ({ keys: part, version: timestamp }),
      options: () => locks.forGet,
      answered: async (part, response) => {
        const { blocked, again } = sortOut(part, response, found);
        if (blocked.length === 0) return;
        await locks.resolve(blocked, backoff);
        await readKeys(session, again, read);
      },
    },
    backoff,
  );
}

/** Reports what was found. @returns the locks that were met, and the keys to ask for again because of them. */
function sortOut(
  keys: readonly Buffer[],
  response: StoreResponses['KvBatchGet'],
  found: Found,
): { blocked: Lock[]; again: Buffer[] } {
  if (response.error !== undefined) return { blocked: [lockOf(response.error)], again: [...keys] };
  const blocked: Lock[] = [];
  for (const pair of response.pairs) {
    if (pair.error !== undefined) blocked.push(lockOf(pair.error));
    else if (pair.value.length > 0) found(pair.key, pair.value);
  }
  const again = blocked.map((lock) => lock.key).sort((a, b) => a.compare(b));
  return { blocked, again };
}
