import assert from 'node:assert/strict';
import { SeededRandom } from '../../src/base/index.ts';
import type { TikvClient } from '../../src/tikv/index.ts';
import type { ClientCheck } from './check.ts';
import { bytes, describe, insert, put, readAll, write } from './data.ts';
import { disturb } from './disturbance.ts';

const writers = 4;
/** A slow machine gets more time for the least that says something. */
const slotsMin = 20;
const patienceMs = 60_000;
const slotKey = (at: number) => `slot/${String(at).padStart(8, '0')}`;

/**
 * Writers append intervals of slots behind a head, on condition that the head is as they read it. Afterwards the slots
 * are dense, each interval that was told to be appended is there once, and no other is.
 */
export const intervalCheck: ClientCheck = {
  name: 'appends by condition: no slot is lost, doubled or skipped',
  needs: ['splits'],
  isAlone: true,
  async run({ cluster, open, stored, loadMs }) {
    const clients = await Promise.all([open(), open()]);
    await write(clients[0], [put('head', '0')]);
    const cuts = ['head', slotKey(10), slotKey(50), slotKey(100), slotKey(200)].map(stored);
    const disturbance = disturb(cluster, cuts, { seed: 2 });
    const untilMs = Date.now() + loadMs;
    const all = Array.from({ length: writers }, (_, at) => new Writer(clients[at % 2]!, at));
    const done = () => all.reduce((sum, { appended }) => sum + appended.length, 0);
    const isOver = () => Date.now() > untilMs + patienceMs || (Date.now() > untilMs && done() > slotsMin);
    try {
      await Promise.all(all.map((writer) => writer.work(isOver)));
    } finally {
      await disturbance.stop();
    }
    const slots = await readAll(clients[0], { gte: 'slot/', lt: 'slot0' });
    const expected = all.flatMap(({ appended }) => appended).sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(slots, expected);
    assert.deepEqual(
      slots.map(([key]) => key),
      slots.map((_, at) => slotKey(at + 1)),
    );
    assert.equal(Number((await readAll(clients[1], { gte: 'head', lt: 'headx' }))[0]?.[1]), slots.length);
    assert.ok(slots.length > slotsMin, `only ${slots.length} slots`);
  },
};

class Writer {
  readonly appended: [string, string][] = [];
  readonly #client: TikvClient;
  readonly #name: string;
  readonly #random: SeededRandom;

  constructor(client: TikvClient, name: number) {
    this.#client = client;
    this.#name = `writer ${name}`;
    this.#random = new SeededRandom(100 + name);
  }

  async work(isOver: () => boolean): Promise<void> {
    for (let at = 0; !isOver(); at++) {
      const snapshot = await this.#client.snapshot();
      const head = Number(await snapshot.get(bytes('head')));
      const length = this.#random.int(1, 3);
      const rows = Array.from({ length }, (_, i): [string, string] => [
        slotKey(head + i + 1),
        `${this.#name} ${at}`,
      ]);
      const mutations = [
        put('head', String(head + length)),
        ...rows.map(([key, value]) => insert(key, value)),
      ];
      const outcome = await this.#client.commit(mutations, { startTimestamp: snapshot.timestamp });
      assert.ok(['committed', 'conflict', 'rolled-back'].includes(outcome.kind), describe(outcome));
      if (outcome.kind === 'committed') this.appended.push(...rows);
    }
  }
}
