import assert from 'node:assert/strict';
import type { TikvClient } from '../../src/tikv/index.ts';
import { TikvError } from '../../src/tikv/index.ts';
import { eventually } from '../support/suite.ts';
import type { ClientCheck } from './check.ts';
import { commit, describe, numbered, put, read, readAll, write } from './data.ts';

const writers = 3;
const patienceMs = 60_000;
/** Without a write, during an outage; on top of it comes what some writes take on a machine that is slow. */
const gapMsMax = 5000;
const pauseMs = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Writers of one row each after the other, for as long as something goes on. */
class Load {
  readonly written = new Map<string, string>();
  readonly #client: TikvClient;
  readonly #work: Promise<unknown>;
  #isStopped = false;
  readonly #startedMs = Date.now();
  #lastMs = this.#startedMs;
  #longestGapMs = 0;
  #commits = 0;

  constructor(client: TikvClient) {
    this.#client = client;
    this.#work = Promise.all(Array.from({ length: writers }, (_, at) => this.#write(at)));
  }

  async stop(): Promise<void> {
    const isEnough = () => Promise.resolve(this.written.size > 3 * writers || undefined);
    await Promise.race([this.#work, eventually('rows', patienceMs, isEnough)]);
    this.#isStopped = true;
    await this.#work;
    const rows = await readAll(this.#client);
    assert.deepEqual(
      rows,
      [...this.written].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    const meanMs = (Date.now() - this.#startedMs) / this.#commits;
    assert.ok(
      this.#longestGapMs < gapMsMax + 10 * meanMs,
      `nothing was written for ${this.#longestGapMs} ms, every ${meanMs} ms otherwise`,
    );
  }

  async #write(writer: number): Promise<void> {
    for (let at = 0; !this.#isStopped; at++) {
      const key = `${numbered('row', at)}/${writer}`;
      const pair = [put(key, 'x'), put(`z${key}`, 'x')];
      const outcome = await commit(this.#client, at % 2 === 0 ? pair : pair.slice(0, 1));
      assert.ok(outcome.kind === 'committed' || outcome.kind === 'rolled-back', describe(outcome));
      this.#longestGapMs = Math.max(this.#longestGapMs, Date.now() - this.#lastMs);
      this.#lastMs = Date.now();
      this.#commits++;
      if (outcome.kind === 'rolled-back') continue;
      this.written.set(key, 'x');
      if (at % 2 === 0) this.written.set(`z${key}`, 'x');
      await pauseMs(2);
    }
  }
}

export const outageChecks: readonly ClientCheck[] = [
  {
    name: 'stores stop and start under load',
    needs: ['stores', 'splits'],
    async run({ cluster, open, stored }) {
      const client = await open();
      await cluster.split(stored('z'));
      const load = new Load(client);
      await pauseMs(100);
      for (const store of (await cluster.stores()).slice(0, 2)) {
        await cluster.stopStore(store);
        await pauseMs(600);
        await cluster.startStore(store);
        await pauseMs(200);
      }
      await load.stop();
    },
  },
  {
    name: 'the placement driver changes its leader under load',
    needs: ['placement-drivers'],
    async run({ cluster, open }) {
      const client = await open();
      const load = new Load(client);
      for (let turn = 1; turn <= 6; turn++) {
        await pauseMs(100);
        await cluster.pdLead(turn % cluster.pd.length);
      }
      for (let member = 0; member < Math.min(2, cluster.pd.length - 1); member++) {
        await cluster.pdLead(member);
        await pauseMs(50);
        await cluster.pdStop(member);
        await cluster.pdLead((member + 1) % cluster.pd.length);
        await pauseMs(300);
        await cluster.pdStart(member);
      }
      await cluster.pdLead(0);
      await load.stop();
    },
  },
  {
    name: 'no placement driver for a while: what needs one waits, and within its budget fails',
    needs: ['placement-drivers'],
    async run({ cluster, open }) {
      const client = await open();
      await write(client, [put('a', '1')]);
      const old = await client.snapshot();
      for (let member = 0; member < cluster.pd.length; member++) await cluster.pdStop(member);
      await assert.rejects(client.timestamp({ budgetMs: 300 }), (error) => {
        return error instanceof TikvError && error.code === 'unavailable' && error.retryable;
      });
      assert.equal((await old.get(Buffer.from('a')))?.toString(), '1', 'a known region needs none');
      const waiting = read(client, 'a');
      await pauseMs(200);
      for (let member = 0; member < cluster.pd.length; member++) await cluster.pdStart(member);
      assert.equal(await waiting, '1');
    },
  },
  {
    name: 'a region without leader is waited for',
    needs: ['leaders', 'splits', 'regions'],
    async run({ cluster, open, stored }) {
      const client = await open();
      await cluster.split(stored(''));
      await write(client, [put('a', '1')]);
      const region = (await cluster.regions()).findLast(
        ({ start }) => Buffer.compare(start, stored('a')) <= 0,
      );
      assert.ok(region !== undefined);
      await cluster.transfer(region.id, 0n);
      const waiting = [read(client, 'a'), commit(client, [put('b', '1')]), readAll(client)] as const;
      await pauseMs(250);
      await cluster.transfer(region.id, (await cluster.stores()).at(-1) ?? 0n);
      assert.equal(await waiting[0], '1');
      assert.equal((await waiting[1]).kind, 'committed');
      assert.ok((await waiting[2]).length >= 1);
    },
  },
];
