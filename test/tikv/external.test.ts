/**
 * Goal: a run of the suite on somebody's cluster leaves it as it was, and reaches it over TLS. Method: the fake over TLS
 * stands for that cluster, with keys of others in it; checks of the suite run there as `npm run test:tikv` runs them, and
 * so does one that fails and leaves keys and locks behind.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TikvClient } from '../../src/tikv/index.ts';
import { tikvSubject } from '../conformance/tikv-subject.ts';
import { externalCluster } from '../support/tikv/external.ts';
import type { ExternalCluster } from '../support/tikv/external.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { testTls } from '../support/tikv/tls.ts';
import { abandon } from './abandoned.ts';
import type { ClientCheck } from './check.ts';
import { clientChecks } from './checks.ts';
import { missing, runCheck } from './context.ts';
import { bytes, put, write } from './data.ts';
import { trial } from './trial.ts';
import { FOREIGN_KEYS, keysOf, plant } from './visited.ts';

let fake: FakeCluster;
let cluster: ExternalCluster;
let owner: TikvClient;

beforeEach(async () => {
  const { server, client } = await testTls();
  fake = await FakeCluster.start({ tls: { server, client } });
  const env = {
    TIKV_PD: fake.pd.join(','),
    TIKV_CACERT: client.ca,
    TIKV_CERT: client.cert,
    TIKV_KEY: client.key,
  };
  cluster = externalCluster(env)!;
  owner = await TikvClient.open({ pd: fake.pd, tls: client });
  await plant(owner);
});
afterEach(async () => {
  await owner.close();
  expect(fake.violations()).toEqual([]);
  await fake.close();
});

/** The keys of the trial, as the owner of the cluster sees them. */
async function ofTrial(): Promise<string[]> {
  return (await keysOf(await owner.snapshot())).filter((key) => key.startsWith(cluster.keyPrefix));
}

async function runTrial(work: () => Promise<void>): Promise<string[]> {
  const told: string[] = [];
  const check = async (name: string, last: () => Promise<string>) =>
    void told.push(name.replace(/.*: /, ''), await last());
  await trial({ cluster, check, abort: () => undefined }, work);
  return told;
}

function checkOf(part: string): ClientCheck {
  const found = clientChecks.find(({ name }) => name.includes(part))!;
  expect(missing(found, cluster)).toBeUndefined();
  return found;
}

test('checks and engines run over TLS below one prefix, and all of it is deleted', async () => {
  let written: string[] = [];
  const told = await runTrial(async () => {
    for (const part of [
      'scans and reverse',
      'two phases, all',
      'the primary committed',
      'a closed client',
      'a bank',
    ])
      await runCheck(checkOf(part), cluster, { loadMs: 300 });
    const { engine, dispose } = await tikvSubject(() => cluster)({});
    const writes = [{ key: bytes('k'), value: bytes('v') }];
    const signal = new AbortController().signal;
    expect(await engine.commit({ conditions: [], writes }, signal)).toEqual({ kind: 'committed' });
    await dispose();
    written = await ofTrial();
  });
  expect(written.some((key) => key.includes('conformance/'))).toBe(true);
  expect(written.length).toBeGreaterThan(50);
  expect(told).toEqual(['no key is left', `${written.length} keys below ${cluster.keyPrefix} deleted`]);
  expect(await keysOf(await owner.snapshot())).toEqual(FOREIGN_KEYS);
  expect(fake.locks()).toEqual([]);
});

test('what a check left that failed is deleted too: keys, values of others, and locks', async () => {
  const broken: ClientCheck = {
    ...{ name: 'broken', needs: [] },
    async run(context) {
      await write(await context.open(), [put('a', '1'), put('b', '')]);
      await abandon(context, { leave: 'locks', keys: ['b', 'c'], value: 'x', ttlMs: 200 });
      const plain = await TikvClient.open({
        ...{ pd: cluster.pd, tls: cluster.tls!, values: 'plain' },
        keyPrefix: bytes(cluster.keyPrefix),
      });
      await write(plain, [put('plain', 'of another program')]);
      await plain.close();
      throw new Error('it fails');
    },
  };
  const run = runTrial(() => runCheck(broken, cluster));
  await expect(run).rejects.toThrow('it fails');
  expect(await keysOf(await owner.snapshot())).toEqual(FOREIGN_KEYS);
  expect(fake.locks()).toEqual([]);
});

test('an earlier trial can be ended by its name, and nothing else', async () => {
  const own = await TikvClient.open({
    ...{ pd: cluster.pd, tls: cluster.tls! },
    keyPrefix: bytes(cluster.keyPrefix),
  });
  await write(
    own,
    Array.from({ length: 600 }, (_, at) => put(`${at}`, 'x')),
  );
  await own.close();
  const { pd, tls, keyPrefix } = cluster;
  const env = { TIKV_PD: pd.join(','), TIKV_CACERT: tls!.ca!, TIKV_CERT: tls!.cert!, TIKV_KEY: tls!.key! };
  expect(await externalCluster({ ...env, TIKV_TRIAL: keyPrefix })!.removeAll()).toBe(600);
  expect(await keysOf(await owner.snapshot())).toEqual(FOREIGN_KEYS);
  for (const wrong of ['', 'e', 'engram-trial/', 'engram-trial/0', `${keyPrefix}check/`, 'engram/default/'])
    expect(() => externalCluster({ ...env, TIKV_TRIAL: wrong })).toThrow(/12 digits/);
  expect(externalCluster({})).toBeUndefined();
});
