import assert from 'node:assert/strict';
import type { ClientCheck } from './check.ts';
import { bytes, numbered, put, read, readAll, write } from './data.ts';

const rows = 60;
const key = (at: number) => numbered('row', at);

export const readChecks: readonly ClientCheck[] = [
  {
    name: 'scans and reverse scans across regions, with limits',
    needs: ['splits'],
    async run({ cluster, open, stored }) {
      const client = await open();
      const model = Array.from({ length: rows }, (_, at): [string, string] => [key(at), `value ${at}`]);
      await write(
        client,
        model.map(([name, value]) => put(name, value)),
      );
      for (const at of [10, 11, 30, 45]) await cluster.split(stored(key(at)));
      await cluster.split(stored(''));
      for (const [from, to] of [
        [0, rows],
        [5, 12],
        [10, 11],
        [11, 30],
        [29, 46],
        [40, 40],
      ] as const) {
        for (const limit of [undefined, 1, 2, 6, 20]) {
          const range = { gte: key(from), lt: key(to), ...(limit === undefined ? {} : { limit }) };
          const expected = model.slice(from, to);
          assert.deepEqual(await readAll(client, range), expected.slice(0, limit));
          const backwards = expected.toReversed().slice(0, limit);
          assert.deepEqual(await readAll(client, { ...range, reverse: true }), backwards);
        }
      }
      assert.deepEqual(await readAll(client), model);
      assert.deepEqual(await readAll(client, { reverse: true }), model.toReversed());
      assert.deepEqual(await readAll(client, { limit: 0 }), []);
    },
  },
  {
    name: 'a batch of keys across regions, with missing and repeated ones',
    needs: ['splits'],
    async run({ cluster, open, stored }) {
      const client = await open();
      const even = Array.from({ length: rows / 2 }, (_, at) => key(2 * at));
      await write(
        client,
        even.map((name) => put(name, `of ${name}`)),
      );
      for (const at of [7, 20, 40]) await cluster.split(stored(key(at)));
      const wanted = [...Array.from({ length: rows }, (_, at) => key(at)), key(4), key(3), key(4)];
      const found = await (await client.snapshot()).batchGet(wanted.map(bytes));
      assert.deepEqual(
        found.map((value) => value?.toString()),
        wanted.map((name) => (even.includes(name) ? `of ${name}` : undefined)),
      );
    },
  },
  {
    name: 'a snapshot shows what was committed at its timestamp, whatever follows',
    needs: [],
    async run({ open }) {
      const client = await open();
      const first = await write(client, [put('a', '1'), put('b', '1')]);
      const before = await client.snapshot();
      const second = await write(client, [put('a', '2'), { op: 'delete', key: bytes('b') }, put('c', '2')]);
      assert.ok(second.commitTimestamp > before.timestamp);
      assert.ok(first.commitTimestamp <= before.timestamp);
      assert.equal((await before.get(bytes('b')))?.toString(), '1');
      assert.equal(await before.get(bytes('c')), undefined);
      assert.deepEqual(await readAll(client, { at: before.timestamp }), [
        ['a', '1'],
        ['b', '1'],
      ]);
      assert.deepEqual(await readAll(client), [
        ['a', '2'],
        ['c', '2'],
      ]);
      await assert.rejects(client.snapshot((await client.timestamp()) + (60_000n << 18n)));
    },
  },
  {
    name: 'values of no bytes, and of any bytes, come back as they were',
    needs: [],
    async run({ open }) {
      const client = await open();
      const odd = Buffer.from([0, 255, 1, 0]);
      await write(client, [
        { op: 'put', key: bytes('empty'), value: Buffer.alloc(0) },
        { op: 'put', key: odd, value: odd },
      ]);
      const snapshot = await client.snapshot();
      assert.deepEqual(await snapshot.get(bytes('empty')), Buffer.alloc(0));
      assert.deepEqual(await snapshot.get(odd), odd);
      assert.equal((await readAll(client)).length, 2);
    },
  },
  {
    name: 'a scan that is left early ends',
    needs: ['splits'],
    async run({ cluster, open, stored }) {
      const client = await open();
      await write(
        client,
        Array.from({ length: rows }, (_, at) => put(key(at), 'x')),
      );
      await cluster.split(stored(key(9)));
      const snapshot = await client.snapshot();
      for await (const batch of snapshot.scan({ batchEntries: 3 })) {
        assert.equal(batch.length, 3);
        break;
      }
      const abort = new AbortController();
      const scan = snapshot.scan({ batchEntries: 3, signal: abort.signal })[Symbol.asyncIterator]();
      await scan.next();
      abort.abort();
      await assert.rejects(async () => {
        while ((await scan.next()).done !== true);
      });
      assert.equal(await read(client, key(1)), 'x');
    },
  },
];
