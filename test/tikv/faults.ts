import assert from 'node:assert/strict';
import { TikvError, type Mutation, type TikvClient } from '../../src/tikv/index.ts';
import type { Fault, FaultKind } from '../support/tikv/cluster.ts';
import { abandon } from './abandoned.ts';
import type { ClientCheck, ClientContext } from './check.ts';
import { bytes, commit, describe, put, readAll, write } from './data.ts';

/** Faults that a client must get over without its caller noticing more than a delay. */
const passing: readonly FaultKind[] = [
  ...(['drop-before', 'drop-after', 'not-leader', 'no-leader', 'epoch', 'epoch-with-regions'] as const),
  ...([
    'epoch-older',
    'busy',
    'stale-command',
    'region-not-found',
    'max-ts-not-synced',
    'undetermined',
  ] as const),
  ...(['key-not-in-region', 'store-not-match', 'mismatch-peer', 'read-index-not-ready', 'merging'] as const),
  ...(['region-not-initialized', 'recovery', 'deadline-exceeded'] as const),
  ...(['unknown-error', 'no-1pc', 'locked-whole', 'late'] as const),
];
const storeRpcs = [
  ...['KvGet', 'KvBatchGet', 'KvScan', 'KvPrewrite', 'KvCommit', 'KvBatchRollback', 'KvCheckTxnStatus'],
  ...['KvResolveLock'],
];
/** Where the others are left to a thorough run: what a region says is dealt with in one place, whatever was asked. */
const commonRpcs = ['KvGet', 'KvScan', 'KvPrewrite', 'KvCommit'];
const everywhere: readonly FaultKind[] = ['drop-before', 'drop-after', 'not-leader', 'epoch-with-regions'];
const otherRpcs = storeRpcs.filter((rpc) => rpc !== 'KvPrewrite');
const placementDriverFaults: readonly FaultKind[] = [
  ...(['drop-before', 'drop-after', 'pd-not-leader', 'pd-error', 'pd-stale', 'pd-no-leader'] as const),
];
const regionRpcs = ['GetRegion', 'GetPrevRegion', 'ScanRegions', 'GetStore'];
/** Calls that pass before a fault; of several faults each counts the calls that those before it let pass. */
const skips = [0, 1, 2];

export const faultChecks: readonly ClientCheck[] = [
  ...passing.map((kind) => passingCheck(kind, storeRpcs)),
  // The wait is a second and more.
  passingCheck('is-witness', ['KvGet']),
  passingCheck('is-witness', ['KvPrewrite']),
  ...placementDriverFaults.map((kind) => passingCheck(kind, regionRpcs)),
  ...(['tso-broken', 'tso-gap', 'drop-before', 'pd-not-leader'] as const).map((kind) =>
    passingCheck(kind, ['Tso']),
  ),
  {
    name: 'raft-entry-too-large for one small value: refused, and nothing is written',
    needs: ['raft-entry-too-large'],
    run: (context) => refused(context, 'raft-entry-too-large', 'too_large'),
  },
  {
    name: 'a full disk: a write is refused, and nothing is written; all else is tried again',
    needs: ['disk-full', 'splits'],
    async run(context) {
      await context.cluster.split(context.stored('m'));
      await refused(context, 'disk-full', 'disk_full');
      await passingCheck('disk-full', otherRpcs).run(context);
    },
  },
  {
    name: 'a flashback: refused, and nothing is written',
    needs: ['flashback'],
    run: (context) => refused(context, 'flashback', 'flashback'),
  },
  {
    name: 'a timestamp that goes back is not given to anybody',
    needs: ['tso-back'],
    async run({ cluster, open }) {
      const client = await open();
      const before = await client.timestamp();
      await cluster.fault({ kind: 'tso-back' });
      const after = await client.timestamp().catch(() => undefined);
      assert.ok(after === undefined || after > before);
      assert.ok((await client.timestamp()) > before);
    },
  },
];

function passingCheck(kind: FaultKind, rpcs: readonly string[]): ClientCheck {
  const where = rpcs.length === 1 ? rpcs.join() : rpcs.includes('KvScan') ? 'stores' : 'the placement driver';
  return {
    name: `${kind} at each call of ${where}`,
    needs: ['splits', kind],
    async run(context) {
      const client = await context.open();
      for (const key of ['f', 'p']) await context.cluster.split(context.stored(key));
      const workout = new Workout(context, client);
      const delay = kind === 'late' ? { delayMs: 30 } : {};
      const isWide = context.isThorough || everywhere.includes(kind);
      const asked = rpcs === storeRpcs && !isWide ? commonRpcs : rpcs;
      for (const rpc of kind === 'no-1pc' ? ['KvPrewrite'] : asked) {
        const faults = skips.map((skip) => ({ kind, rpc, skip, ...delay }));
        if (context.isThorough) for (const fault of faults) await workout.run([fault]);
        else await workout.run(faults);
      }
    },
  };
}

async function refused({ cluster, open }: ClientContext, kind: FaultKind, code: string): Promise<void> {
  const client = await open();
  await write(client, [put('a', '1')]);
  await cluster.fault({ kind, rpc: 'KvPrewrite' });
  await assert.rejects(
    commit(client, [put('a', '2')]),
    (error) => error instanceof TikvError && error.code === code,
  );
  assert.deepEqual(await readAll(client), [['a', '1']]);
}

/** Writes and reads of all kinds over three regions, compared with a model. */
class Workout {
  readonly #context: ClientContext;
  readonly #client: TikvClient;
  readonly #model = new Map<string, string>();
  #round = 0;

  constructor(context: ClientContext, client: TikvClient) {
    this.#context = context;
    this.#client = client;
  }

  async run(faults: readonly Fault[]): Promise<void> {
    const { cluster } = this.#context;
    const what = faults.map(({ kind, rpc, skip }) => `${kind} at ${rpc} after ${skip}`).join(', ');
    const round = String(++this.#round);
    await this.#dead(round);
    for (const fault of faults) await cluster.fault(fault);
    await this.#write(what, [put('a', round), put('b', round)]);
    await this.#write(what, [put('c', round), put('g', round), put('x', round)]);
    await this.#write(what, [{ op: 'delete', key: bytes('b') }, put(`h${round}`, round)]);
    await this.#read(what);
    await cluster.clearFaults();
  }

  /** A dead transaction, so that locks are met and removed. */
  async #dead(round: string): Promise<void> {
    await abandon(this.#context, { leave: 'primary-committed', keys: ['d', 'y'], value: round, ttlMs: 3000 });
    for (const key of ['d', 'y']) this.#model.set(key, round);
  }

  async #write(what: string, mutations: readonly Mutation[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await commit(this.#client, mutations);
      if (outcome.kind === 'committed') break;
      assert.equal(outcome.kind, 'rolled-back', `${what}: ${describe(outcome)}`);
      assert.ok(attempt < 5, `${what}: rolled back again and again`);
    }
    for (const mutation of mutations) {
      if ('value' in mutation) this.#model.set(mutation.key.toString(), mutation.value.toString());
      else this.#model.delete(mutation.key.toString());
    }
  }

  async #read(what: string): Promise<void> {
    const expected = [...this.#model].sort(([a], [b]) => (a < b ? -1 : 1));
    const keys = expected.map(([key]) => bytes(key));
    const snapshot = await this.#client.snapshot();
    const values = await snapshot.batchGet(keys);
    assert.deepEqual(
      values.map((value) => value?.toString()),
      expected.map(([, value]) => value),
      what,
    );
    const singles = await Promise.all(['a', 'b', 'g', 'y'].map((key) => snapshot.get(bytes(key))));
    assert.deepEqual(
      singles.map((value) => value?.toString()),
      ['a', 'b', 'g', 'y'].map((key) => this.#model.get(key)),
      what,
    );
    assert.deepEqual(await readAll(this.#client), expected, what);
    assert.deepEqual(await readAll(this.#client, { reverse: true }), expected.toReversed(), what);
  }
}
