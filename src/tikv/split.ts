import { compareBytes } from '../base/index.ts';
import type { Backoff } from './backoff.ts';
import { REQUESTS_MAX } from './keyed-calls.ts';
import { parallel } from './parallel.ts';
import type { Session } from './session.ts';

/** Cuts regions at `keys`. Where one begins with a key already, nothing is done. */
export async function splitRegions(
  session: Session,
  keys: readonly Uint8Array[],
  backoff: Backoff,
): Promise<void> {
  const stored = keys.map((key) => session.keyspace.toStore(key)).sort(compareBytes);
  const unique = stored.filter((key, at) => at === 0 || !key.equals(stored[at - 1]!));
  await splitStored(session, unique, backoff);
}

async function splitStored(session: Session, keys: readonly Buffer[], backoff: Backoff): Promise<void> {
  const { regions } = session;
  const groups = await regions.group(keys, (key) => key, backoff);
  await parallel(groups, REQUESTS_MAX, async ({ region, items }) => {
    const splitKeys = items.filter((key) => !key.equals(region.start));
    if (splitKeys.length === 0) return;
    const own = backoff.fork();
    const sent = await regions.send(region, { method: 'SplitRegion', request: { splitKeys } }, own);
    if (sent.kind === 'relocate') await splitStored(session, splitKeys, own);
  });
}
