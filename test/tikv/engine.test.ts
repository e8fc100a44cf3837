/** What the TiKV engine does beyond its contract, on the fake: round trips, faults in the middle of commits, garbage, TLS. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../src/base/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { TikvEngine } from '../../src/engine/tikv/index.ts';
import type { TikvEngineOptions } from '../../src/engine/tikv/index.ts';
import { readSettings } from '../../src/config/index.ts';
import { openEngine } from '../../src/cli/engines.ts';
import { tikvEnvironment } from '../conformance/tikv-subject.ts';
import { eventually } from '../support/suite.ts';
import type { FaultKind } from '../support/tikv/cluster.ts';
import { TestEnvironment } from '../support/tikv/environment.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { testTls } from '../support/tikv/tls.ts';

const HEAD = Buffer.from('log/head');
const NEVER = new AbortController().signal;
const slot = (at: number): Buffer => Buffer.from(`log/${at.toString(16).padStart(14, '0')}`);

let cluster: FakeCluster;
let engines: Engine[];

beforeEach(async () => {
  cluster = await FakeCluster.start({ stores: 3 });
  engines = [];
});
afterEach(async () => {
  await cluster.clearFaults();
  for (const engine of engines) await engine.close();
  expect(cluster.violations()).toEqual([]);
  await cluster.close();
});

async function open(more: Partial<TikvEngineOptions> = {}): Promise<TikvEngine> {
  const engine = await TikvEngine.open({ pd: cluster.pd, environment: tikvEnvironment, ...more });
  engines.push(engine);
  return engine;
}

/** As the log does it: an uncertain commit is sent again until it is known, and a conflict is looked into. */
async function append(engine: Engine, at: number, value: string): Promise<'committed' | 'lost'> {
  const next = Buffer.from(`${at} ${value}`);
  for (;;) {
    await using snapshot = await engine.snapshot();
    const left = await snapshot.get(HEAD);
    if (left !== undefined && Number(String(left).split(' ')[0]) !== at - 1) return 'lost';
    const head = left === undefined ? ({ is: 'absent' } as const) : ({ is: 'equal', value: left } as const);
    const batch = {
      conditions: [{ key: HEAD, ...head }],
      writes: [
        { key: slot(at), value: Buffer.from(value) },
        { key: HEAD, value: next },
      ],
    };
    for (;;) {
      const result = await engine.commit(batch, NEVER).catch((error: unknown) => {
        expect(error).toMatchObject({ retryable: true });
        return undefined;
      });
      if (result?.kind === 'committed') return 'committed';
      if (result?.kind !== 'conflict') continue;
      await using after = await engine.snapshot();
      const found = await after.get(HEAD);
      return found !== undefined && next.equals(found) ? 'committed' : 'lost';
    }
  }
}

describe('the TiKV engine', () => {
  test('an append is one prewrite, and the timestamp and the read for the next one', async () => {
    // What is fetched ahead is good for longer than this takes.
    const limits = { aheadMsMax: 60_000 };
    const first = await open({ limits });
    for (let at = 1; at <= 3; at++) expect(await append(first, at, 'x')).toBe('committed');
    // A close waits for what is fetched ahead.
    await first.close();
    const before = await cluster.calls();
    const engine = await open({ limits });
    let left = Buffer.from('3 x');
    for (let at = 4; at < 24; at++) {
      const next = Buffer.from(`${at} x`);
      const result = await engine.commit(
        {
          conditions: [{ key: HEAD, is: 'equal', value: left }],
          writes: [
            { key: slot(at), value: Buffer.from('x') },
            { key: HEAD, value: next },
          ],
        },
        NEVER,
      );
      expect(result).toEqual({ kind: 'committed' });
      left = next;
    }
    await engine.close();
    const after = await cluster.calls();
    const made = Object.entries(after).map(([rpc, count]) => [rpc, count - (before[rpc] ?? 0)] as const);
    const perStore = Object.fromEntries(made.filter(([rpc, count]) => rpc.startsWith('Kv') && count > 0));
    expect(perStore['KvPrewrite']).toBe(20);
    expect(perStore['KvCommit']).toBeUndefined();
    // The first one of an engine has nothing that was fetched ahead.
    expect((perStore['KvGet'] ?? 0) + (perStore['KvBatchGet'] ?? 0)).toBe(1 + 20);
  });

  test(
    'promises 1 and 3: what two engines append in turns under faults is a log without a gap',
    { timeout: 60_000 },
    async () => {
      const random = new SeededRandom(11);
      const kinds: FaultKind[] = [
        ...(['drop-before', 'drop-after', 'undetermined', 'not-leader', 'epoch', 'busy', 'no-1pc'] as const),
        ...(['stale-command', 'region-not-found', 'max-ts-not-synced', 'late'] as const),
      ];
      const both = [await open(), await open()];
      const committed = new Map<number, string>();
      for (let at = 1; at <= 60; at++) {
        if (random.chance(0.6)) {
          const rpc = random.pick(['KvPrewrite', 'KvPrewrite', 'KvCommit', 'KvGet', 'KvCheckTxnStatus']);
          await cluster.fault({
            kind: random.pick(kinds),
            rpc,
            count: random.int(1, 2),
            delayMs: random.int(1, 60),
          });
        }
        if (at % 15 === 0) await cluster.split(slot(at - 5));
        const outcomes = await Promise.all(both.map((engine, who) => append(engine, at, `${who}`)));
        expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
        committed.set(at, `${outcomes.indexOf('committed')}`);
      }
      await cluster.clearFaults();
      await using snapshot = await both[0]!.snapshot();
      const found = new Map<number, string>();
      for await (const entries of snapshot.scan({ gte: slot(0), lt: HEAD }))
        for (const { key, value } of entries)
          found.set(Number.parseInt(String(Buffer.from(key)).slice(4), 16), String(Buffer.from(value)));
      expect(found).toEqual(committed);
    },
  );

  test('old versions are collected while this node leads, and not before', async () => {
    let leads = false;
    const limits = { garbageEveryMs: 100 };
    const engine = await open({ collectsGarbage: () => leads, limits });
    await append(engine, 1, 'x');
    await cluster.shiftClock(30 * 60_000);
    await append(engine, 2, 'x');
    await sleep(250);
    expect((await cluster.calls())['UpdateGCSafePoint']).toBeUndefined();
    leads = true;
    await eventually('a safe point', 20_000, async () => (await cluster.calls())['UpdateGCSafePoint']);
    expect(await append(engine, 3, 'x')).toBe('committed');
  });

  test('calls leave nothing behind in the signals that outlive them', async () => {
    const read: string[] = [];
    const any = vi.spyOn(AbortSignal, 'any');
    const asked = new AbortController();
    const engine = await open();
    for (let at = 1; at <= 3; at++) {
      const writes = [{ key: slot(at), value: Buffer.from('x') }];
      expect(await engine.commit({ conditions: [], writes }, asked.signal)).toEqual({ kind: 'committed' });
      await using snapshot = await engine.snapshot();
      expect(await snapshot.get(slot(at))).toBeDefined();
      for await (const entries of snapshot.scan({ gte: slot(0), lt: HEAD }))
        read.push(...entries.map(({ key }) => String(key)));
    }
    expect(read).toHaveLength(6);
    expect(getEventListeners(asked.signal, 'abort')).toHaveLength(0);
    // What it makes stays in its sources for as long as they live.
    expect(any).not.toHaveBeenCalled();
    any.mockRestore();
  });

  test('a snapshot that is older than half the life of old versions is refused', async () => {
    const environment = new TestEnvironment();
    const engine = await open({ environment, limits: { garbageLifeMs: 120_000 } });
    await append(engine, 1, 'x');
    await using snapshot = await engine.snapshot();
    expect(await snapshot.get(HEAD)).toBeDefined();
    environment.jump(60_001);
    await expect(snapshot.get(HEAD)).rejects.toMatchObject({ code: 'snapshot_lost', retryable: true });
  });

  test('a store of several regions and leaders that move is one store', async () => {
    const engine = await open();
    for (let at = 1; at <= 40; at++) expect(await append(engine, at, `${at}`)).toBe('committed');
    for (const at of [5, 20, 35]) await cluster.split(slot(at));
    for (const { id } of await cluster.regions()) await cluster.transfer(id, (await cluster.stores())[1]!);
    expect(await append(engine, 41, '41')).toBe('committed');
    await using snapshot = await engine.snapshot();
    const found: string[] = [];
    for await (const entries of snapshot.scan({ gte: slot(1), lt: HEAD, reverse: true, limit: 30 }))
      found.push(...entries.map(({ value }) => String(Buffer.from(value))));
    expect(found).toEqual(Array.from({ length: 30 }, (_, i) => `${41 - i}`));
  });
});

test('--tikv-cacert, --tikv-cert and --tikv-key: TLS to placement drivers and stores, with certificates both ways', async () => {
  const { server, client } = await testTls();
  const secured = await FakeCluster.start({ tls: { server, client } });
  const runtime = { ...tikvEnvironment, signal: NEVER, leads: () => false };
  const pd = `--tikv-pd=${secured.pd.join(',')}`;
  const args = [
    '--engine=tikv',
    pd,
    `--tikv-cacert=${client.ca}`,
    `--tikv-cert=${client.cert}`,
    `--tikv-key=${client.key}`,
  ];
  const { settings } = await readSettings({ args, environment: {} });
  const engine = await openEngine(settings, runtime);
  expect(await append(engine, 1, 'x')).toBe('committed');
  await engine.close();
  const missing = await readSettings({
    args: ['--engine=tikv', pd, '--tikv-cacert=/nowhere/ca.pem'],
    environment: {},
  });
  await expect(openEngine(missing.settings, runtime)).rejects.toThrow(/nowhere\/ca\.pem/);
  await secured.close();
});
