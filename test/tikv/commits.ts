import assert from 'node:assert/strict';
import { TikvError } from '../../src/tikv/index.ts';
import type { ClientCheck, ClientContext } from './check.ts';
import { bytes, commit, expectCommitted, insert, put, read, readAll, write } from './data.ts';

const mebibyte = 1024 * 1024;

/** Two keys in two regions. */
async function cut({ cluster, stored }: ClientContext): Promise<void> {
  await cluster.split(stored('m'));
}

export const commitChecks: readonly ClientCheck[] = [
  {
    name: 'keys of one region are committed in one phase: one request, no lock',
    needs: ['calls'],
    async run({ cluster, open }) {
      const client = await open();
      await write(client, [put('warm', 'x')]);
      const before = await cluster.calls();
      const { onePhase } = expectCommitted(await commit(client, [put('a', '1'), put('b', '2')]));
      const after = await cluster.calls();
      assert.equal(onePhase, true);
      assert.equal((after['KvPrewrite'] ?? 0) - (before['KvPrewrite'] ?? 0), 1);
      assert.equal(after['KvCommit'] ?? 0, before['KvCommit'] ?? 0);
    },
  },
  {
    name: 'keys of several regions are committed in two phases, all at one timestamp',
    needs: ['splits'],
    async run(context) {
      const client = await context.open();
      await cut(context);
      const { onePhase, commitTimestamp } = await write(client, [put('a', '1'), put('z', '1')]);
      assert.equal(onePhase, false);
      assert.deepEqual(await readAll(client, { at: commitTimestamp - 1n }), []);
      assert.deepEqual(await readAll(client, { at: commitTimestamp }), [
        ['a', '1'],
        ['z', '1'],
      ]);
    },
  },
  {
    name: 'two phases where one was refused, and where none was asked for',
    needs: ['no-1pc'],
    async run({ cluster, open }) {
      const client = await open();
      await cluster.fault({ kind: 'no-1pc' });
      assert.equal(expectCommitted(await commit(client, [put('a', '1'), put('b', '1')])).onePhase, false);
      await cluster.clearFaults();
      const asked = await commit(client, [put('a', '2'), put('b', '2')], { onePhase: false });
      assert.equal(expectCommitted(asked).onePhase, false);
      assert.deepEqual(await readAll(client), [
        ['a', '2'],
        ['b', '2'],
      ]);
    },
  },
  {
    name: 'a write that came after the start timestamp is a conflict, which writes nothing',
    needs: ['splits'],
    async run(context) {
      const client = await context.open();
      await cut(context);
      for (const keys of [
        ['a', 'b'],
        ['a', 'z'],
        ['z', 'a'],
      ]) {
        const startTimestamp = await client.timestamp();
        await write(client, [put('a', 'other')]);
        const mine = keys.map((key) => put(key, 'mine'));
        const outcome = await client.commit(mine, { startTimestamp, primary: bytes(keys[0]!) });
        assert.ok(outcome.kind === 'conflict', outcome.kind);
        assert.equal(outcome.key.toString(), 'a');
        assert.deepEqual(await readAll(client), [['a', 'other']]);
      }
      const startTimestamp = await client.timestamp();
      await write(client, [{ op: 'delete', key: bytes('a') }]);
      assert.equal((await client.commit([put('a', 'mine')], { startTimestamp })).kind, 'conflict');
    },
  },
  {
    name: 'what must not exist is looked for in the newest version',
    needs: ['splits'],
    async run(context) {
      const client = await context.open();
      await cut(context);
      await write(client, [put('a', '1'), put('gone', '1')]);
      await write(client, [{ op: 'delete', key: bytes('gone') }]);
      for (const other of ['b', 'z']) {
        const exists = await commit(client, [put(other, 'x'), insert('a', '2')]);
        assert.ok(exists.kind === 'exists', exists.kind);
        assert.equal(exists.key.toString(), 'a');
        const checked = await commit(client, [put(other, 'x'), { op: 'check-not-exists', key: bytes('a') }]);
        assert.equal(checked.kind, 'exists');
        assert.equal(await read(client, other), undefined);
      }
      await write(client, [insert('gone', '2'), { op: 'check-not-exists', key: bytes('never') }]);
      assert.deepEqual(await readAll(client), [
        ['a', '1'],
        ['gone', '2'],
      ]);
    },
  },
  {
    name: 'a lock of a key that is not written conflicts with its writers',
    needs: [],
    async run({ open }) {
      const client = await open();
      const [first, second] = [await client.transaction(), await client.transaction()];
      first.lock(bytes('a'));
      first.put(bytes('b'), bytes('1'));
      second.put(bytes('a'), bytes('2'));
      expectCommitted(await first.commit());
      assert.equal((await second.commit()).kind, 'conflict');
      assert.deepEqual(await readAll(client), [['b', '1']]);
    },
  },
  {
    name: 'more than fits one entry of the log is written in parts; a value that cannot fit is refused',
    needs: [],
    async run({ open }) {
      const client = await open();
      const large = (at: number) => Buffer.alloc(3 * mebibyte, at);
      const mutations = [1, 2, 3, 4].map((at) => ({
        op: 'put' as const,
        key: bytes(`large${at}`),
        value: large(at),
      }));
      expectCommitted(await commit(client, mutations));
      const found = await (await client.snapshot()).batchGet(mutations.map(({ key }) => key));
      assert.deepEqual(
        found.map((value) => value && [value.length, value[0]]),
        [1, 2, 3, 4].map((at) => [3 * mebibyte, at]),
      );
      const huge = { op: 'put' as const, key: bytes('huge'), value: Buffer.alloc(9 * mebibyte) };
      await assert.rejects(
        commit(client, [huge]),
        (error) => error instanceof TikvError && error.code === 'too_large',
      );
      assert.equal(await read(client, 'huge'), undefined);
    },
  },
];
