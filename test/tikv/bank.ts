import assert from 'node:assert/strict';
import { SeededRandom } from '../../src/base/index.ts';
import type { TikvClient } from '../../src/tikv/index.ts';
import type { ClientCheck } from './check.ts';
import { bytes, describe, numbered, put, readAll, write } from './data.ts';
import { disturb } from './disturbance.ts';

const accounts = 12;
const tellers = 4;
const opening = 100;
/** A slow machine gets more time for the least that says something. */
const transfersMin = 20;
const patienceMs = 60_000;
const account = (at: number) => numbered('account', at);

/**
 * Money moves between accounts while regions split, merge and move and answers are lost. Every snapshot shows the same
 * sum; every transfer that was told to be committed has left its receipt, and no other has.
 */
export const bankCheck: ClientCheck = {
  name: 'a bank: the sum never changes, and receipts are exactly those of committed transfers',
  needs: ['splits'],
  isAlone: true,
  async run({ cluster, open, stored, loadMs }) {
    const clients = await Promise.all([open(), open()]);
    const all = Array.from({ length: accounts }, (_, at) => account(at));
    await write(
      clients[0],
      all.map((key) => put(key, String(opening))),
    );
    const disturbance = disturb(cluster, [...all, 'receipt/2'].map(stored));
    const untilMs = Date.now() + loadMs;
    const ledgers = Array.from({ length: tellers }, (_, at) => new Teller(clients[at % 2]!, at));
    const transfers = () => ledgers.reduce((sum, { committed }) => sum + committed.length, 0);
    const isOver = () =>
      Date.now() > untilMs + patienceMs || (Date.now() > untilMs && transfers() > transfersMin);
    const audit = async () => {
      for (let sums = 0; ; sums++) {
        const rows = await readAll(clients[sums % 2]!, {
          gte: 'account/',
          lt: 'account0',
          reverse: sums % 3 === 0,
        });
        const sum = rows.reduce((total, [, value]) => total + Number(value), 0);
        assert.equal(sum, accounts * opening, `sum ${sums}`);
        if (isOver()) return;
      }
    };
    try {
      await Promise.all([...ledgers.map((teller) => teller.work(isOver)), audit()]);
    } finally {
      await disturbance.stop();
    }
    const receipts = (await readAll(clients[1], { gte: 'receipt/', lt: 'receipt0' })).map(([key]) => key);
    const committed = ledgers.flatMap((teller) => teller.committed).sort();
    assert.deepEqual(receipts, committed);
    assert.ok(committed.length > transfersMin, `only ${committed.length} transfers`);
    assert.ok(disturbance.count > 10, `only ${disturbance.count} disturbances`);
  },
};

class Teller {
  readonly committed: string[] = [];
  readonly #client: TikvClient;
  readonly #name: number;
  readonly #random: SeededRandom;

  constructor(client: TikvClient, name: number) {
    this.#client = client;
    this.#name = name;
    this.#random = new SeededRandom(name);
  }

  async work(isOver: () => boolean): Promise<void> {
    for (let at = 0; !isOver(); at++) {
      const receipt = `receipt/${this.#name}/${String(at).padStart(6, '0')}`;
      if (await this.#transfer(receipt)) this.committed.push(receipt);
    }
  }

  async #transfer(receipt: string): Promise<boolean> {
    const from = this.#random.int(0, accounts - 1);
    const to = (from + this.#random.int(1, accounts - 1)) % accounts;
    const txn = await this.#client.transaction();
    const [a, b] = await Promise.all([from, to].map((at) => txn.get(bytes(account(at)))));
    const amount = Math.min(this.#random.int(1, 20), Number(a));
    txn.put(bytes(account(from)), bytes(String(Number(a) - amount)));
    txn.put(bytes(account(to)), bytes(String(Number(b) + amount)));
    txn.insert(bytes(receipt), bytes(String(amount)));
    const outcome = await txn.commit({ onePhase: this.#random.chance(0.7) });
    assert.ok(['committed', 'conflict', 'rolled-back'].includes(outcome.kind), describe(outcome));
    return outcome.kind === 'committed';
  }
}
