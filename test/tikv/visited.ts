import assert from 'node:assert/strict';
import { join } from 'node:path';
import { parseCounts } from '../../scripts/counts.ts';
import { TikvClient } from '../../src/tikv/index.ts';
import type { TikvSnapshot } from '../../src/tikv/index.ts';
import { run } from '../support/process.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';

/** Of somebody else, on both sides of all trials. */
export const FOREIGN_KEYS = [
  'a',
  'engram',
  'engram-trial/',
  'engram-trial/0',
  'engram-trial/zz',
  'engram-trial0',
  'z',
];

/** The suite as it visits a cluster that somebody else uses too: what was there is there, and nothing else. */
export async function visitLeavesNothing(): Promise<string> {
  const cluster = await FixtureCluster.start({ stores: 3 });
  const client = await TikvClient.open({ pd: cluster.pd });
  try {
    await plant(client);
    const main = join(import.meta.dirname, 'main.ts');
    const { code, stdout, stderr } = await run(
      process.execPath,
      ['--import', 'tsx', main, '--short', '--only', 'cluster'],
      { env: { TIKV_PD: cluster.pd.join(','), TIKV_TRIAL: undefined }, timeoutMs: 900_000 },
    );
    assert.equal(code, 0, `${stdout.slice(-8000)} ${stderr.slice(-2000)}`);
    assert.deepEqual(await keysOf(await client.snapshot()), FOREIGN_KEYS);
    return `${parseCounts(stdout)?.passed ?? 0} checks`;
  } finally {
    await client.close();
    await cluster.close();
  }
}

/** Writes what is somebody else's. */
export async function plant(client: TikvClient): Promise<void> {
  const transaction = await client.transaction();
  for (const key of FOREIGN_KEYS) transaction.put(Buffer.from(key), Buffer.from('theirs'));
  assert.equal((await transaction.commit()).kind, 'committed');
}

export async function keysOf(snapshot: TikvSnapshot): Promise<string[]> {
  const keys: string[] = [];
  for await (const batch of snapshot.scan()) keys.push(...batch.map(({ key }) => key.toString()));
  return keys;
}
