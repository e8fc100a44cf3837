import { describe, expect, it } from 'vitest';
import {
  compare,
  GatedEngine,
  op,
  put,
  range,
  StoreWorld,
  turns,
  txn,
} from '../../test/property/store-world.ts';
import type { RequestOp } from '../wire/index.ts';

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('transactions', () => {
  it('B.4.1: a nested transaction has the budget that its parent leaves', async () => {
    const world = await StoreWorld.open();
    const gets = (count: number): RequestOp[] => Array.from({ length: count }, () => op.range('a'));
    expect((await world.txn(txn([], gets(128)))).responses).toHaveLength(128);
    await expect(world.txn(txn([], gets(129)))).rejects.toEqual(refused('TooManyOps'));
    await world.txn(txn([], [op.txn([], gets(127))]));
    await expect(world.txn(txn([], [op.txn([], gets(128))]))).rejects.toEqual(refused('TooManyOps'));
  });

  it('B.4.2: an empty operation is refused as `key not found`', async () => {
    const world = await StoreWorld.open();
    await expect(world.txn(txn([], [{ kind: 'none' }]))).rejects.toEqual(refused('KeyNotFound'));
  });

  it('B.4.3: put/put and put/delete of one key clash, delete/delete and the branches of a child do not', async () => {
    const world = await StoreWorld.open();
    const clash = refused('DuplicateKey');
    await expect(world.txn(txn([], [op.put('a'), op.put('a')]))).rejects.toEqual(clash);
    await expect(world.txn(txn([], [op.put('b'), op.deleteRange('a', 'c')]))).rejects.toEqual(clash);
    await expect(world.txn(txn([], [op.put('a'), op.txn([], [op.put('a')])]))).rejects.toEqual(clash);
    await world.txn(txn([], [op.deleteRange('a'), op.deleteRange('a', 'c'), op.range('a')]));
    await world.txn(txn([], [op.txn([], [op.put('a')], [op.put('a')])]));
  });

  it('B.4.3, corners: a child that deletes before one that puts clashes, the other way round not; nor does from-key', async () => {
    const world = await StoreWorld.open();
    const puts = op.txn([], [op.put('a', '1')]);
    const deletes = op.txn([], [op.deleteRange('a')]);
    await expect(world.txn(txn([], [deletes, puts]))).rejects.toEqual(refused('DuplicateKey'));
    expect((await world.txn(txn([], [puts, deletes]))).revision).toBe(2);
    expect((await world.range(range('a'))).count).toBe(0);
    await world.txn(txn([], [op.deleteRange('a', '\0'), op.put('a', '2')]));
    expect((await world.range(range('a'))).kvs[0]).toMatchObject({ value: '2', version: 1 });
  });

  it('B.4.4: nested compares see the state before the transaction', async () => {
    const world = await StoreWorld.open();
    const absent = compare('a', { target: 0, operand: { kind: 'version', value: 0 } });
    const result = await world.txn(txn([], [op.put('a'), op.txn([absent], [op.put('b')], [op.put('c')])]));
    expect(result.responses[1]).toMatchObject({ kind: 'txn', succeeded: true, revision: 0 });
    expect((await world.range(range('a', 'z'))).kvs.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('promise 6: B.4.5: a path that fails a check has no effect', async () => {
    const world = await StoreWorld.open();
    await expect(world.txn(txn([], [op.put('a'), op.put('b', '', { lease: 5n })]))).rejects.toEqual(
      refused('LeaseNotFound'),
    );
    await expect(world.txn(txn([], [op.put('a'), op.range('a', '', { revision: 2 })]))).rejects.toEqual(
      refused('FutureRev'),
    );
    expect(await world.range(range('a'))).toMatchObject({ revision: 1, count: 0 });
  });

  it('B.4.6: a later range sees earlier writes, with their revision in its header', async () => {
    const world = await StoreWorld.open();
    const { responses, revision } = await world.txn(
      txn([], [op.range('a'), op.put('a', '1'), op.range('a')]),
    );
    expect(revision).toBe(2);
    expect(responses[0]).toMatchObject({ revision: 1, count: 0 });
    expect(responses[2]).toMatchObject({ revision: 2, count: 1, kvs: [{ value: '1', mod: 2 }] });
  });

  it('B.4.7: a missing key compares as 0, and never by value', async () => {
    const world = await StoreWorld.open();
    const holds = async (...of: Parameters<typeof compare>): Promise<boolean> =>
      (await world.txn(txn([compare(...of)], [], []))).succeeded;
    for (const result of [0, 1, 2, 3]) {
      expect(
        await holds('a', { result, target: 3, operand: { kind: 'value', value: Buffer.from('') } }),
      ).toBe(false);
    }
    expect(await holds('a', { target: 4, operand: { kind: 'lease', value: 0n } })).toBe(true);
    expect(
      await holds('a', { target: 2, rangeEnd: Buffer.from('z'), operand: { kind: 'modRevision', value: 0 } }),
    ).toBe(true);
    expect(await holds('a', { result: 9, target: 0, operand: { kind: 'version', value: 7 } })).toBe(true);
  });

  it('promise 4: a failed compare answers with the revision it was judged at, once that is committed', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open({}, engine);
    engine.hold();
    const written = world.put(put('a', '1'));
    let answered = false;
    const absent = compare('a', { target: 2, operand: { kind: 'modRevision', value: 0 } });
    const failed = world.txn(txn([absent], [op.put('a')], [op.range('a')])).finally(() => (answered = true));
    await turns();
    expect(answered).toBe(false);
    engine.release();
    await written;
    expect(await failed).toMatchObject({
      succeeded: false,
      revision: 2,
      responses: [{ revision: 2, count: 1 }],
    });
  });

  it('a call that depends on a pending record waits for it, and later writes stay behind it', async () => {
    const engine = new GatedEngine();
    const world = await StoreWorld.open({}, engine);
    engine.hold();
    const answers = Promise.all([
      world.grant(7n, 60),
      world.put(put('a', '1', { lease: 7n })),
      world.put(put('b', '2')),
    ]);
    await turns();
    engine.release();
    const [, first, second] = await answers;
    expect([first.revision, second.revision]).toEqual([2, 3]);
    expect((await world.timeToLive(7n)).keys).toEqual(['a']);
  });
});
