import assert from 'node:assert/strict';
import { TikvClient } from '../../src/tikv/client.ts';
import { eventually } from '../support/suite.ts';
import type { TestCluster } from '../support/tikv/cluster.ts';
import { TestEnvironment } from '../support/tikv/environment.ts';
import { RawClient } from '../support/tikv/raw-client.ts';
import type { ClientCheck, ClientContext } from './check.ts';

const defaultLoadMs = 1500;
/** For the last lock to be gone. */
const defaultLocksMs = 20_000;
let spaces = 0;

/** Why a cluster is none for a check; nothing if it is. */
export function missing(check: ClientCheck, cluster: TestCluster): string | undefined {
  const lacking = check.needs.filter((what) => !cluster.can(what));
  return lacking.length === 0 ? undefined : `${cluster.name} cannot: ${lacking.join(', ')}`;
}

/**
 * Runs one check with keys of its own, closes its clients, and looks for what must not be left: locks, timers, and calls
 * that no client may make.
 */
export async function runCheck(
  check: ClientCheck,
  cluster: TestCluster,
  options: { readonly loadMs?: number; readonly locksMs?: number; readonly isThorough?: boolean } = {},
): Promise<void> {
  const keyPrefix = Buffer.from(`${cluster.keyPrefix ?? ''}check/${process.pid}/${++spaces}/${Date.now()}/`);
  const environment = new TestEnvironment();
  const raw = new RawClient(cluster);
  const clients: TikvClient[] = [];
  const { pd, tls } = cluster;
  const context: ClientContext = {
    ...{ cluster, environment, raw },
    ...{ loadMs: options.loadMs ?? defaultLoadMs, isThorough: options.isThorough ?? false },
    async open() {
      const client = await TikvClient.open({ pd, keyPrefix, environment, ...(tls && { tls }) });
      clients.push(client);
      return client;
    },
    locks: () => locksOf(raw, keyPrefix),
    stored: (key) => Buffer.concat([keyPrefix, Buffer.from(key)]),
  };
  try {
    await check.run(context);
    await cluster.clearFaults();
    // Locks that were met are removed in the background, which a close does not wait for.
    if (check.leavesLocks !== true) {
      await eventually('no locks', options.locksMs ?? defaultLocksMs, async () =>
        (await context.locks()).length === 0 ? true : undefined,
      );
    }
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(environment.timers, 0, 'timers are left behind');
    assert.deepEqual(cluster.violations(), [], 'calls that no client may make');
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
    raw.close();
  }
}

/** The keys of the locks under a prefix, in all regions. */
async function locksOf(raw: RawClient, prefix: Buffer): Promise<string[]> {
  const end = Buffer.concat([prefix.subarray(0, -1), Buffer.of((prefix.at(-1) ?? 0) + 1)]);
  const maxVersion = await raw.timestamp();
  const found: string[] = [];
  for (let startKey = prefix; ;) {
    const { region } = await raw.locate(startKey);
    const request = { maxVersion, startKey, endKey: end, limit: 1000 };
    const { locks } = await raw.send(startKey, 'KvScanLock', request);
    found.push(...locks.map(({ key }) => key.subarray(prefix.length).toString()));
    const next = rawEnd(region.endKey);
    if (next.length === 0 || Buffer.compare(next, end) >= 0) return found;
    startKey = next;
  }
}

/** Groups of eight bytes and a marker that tells how many of them are padding. */
function rawEnd(encoded: Buffer): Buffer {
  const groups: Buffer[] = [];
  for (let at = 0; at < encoded.length; at += 9) {
    const padding = 0xff - encoded[at + 8]!;
    groups.push(encoded.subarray(at, at + 8 - padding));
  }
  return Buffer.concat(groups);
}
