/**
 * Goal: whatever happens to regions between any two calls, every request reaches the region that owns its keys, nobody
 * asks without waiting for ever, and `maybeApplied` is exact.
 * Method: lanes of operations as the client makes them, against tikv-region-model.ts, in virtual time.
 */
import { fc, test as propertyTest } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { compareBytes, SeededRandom } from '../../src/base/index.ts';
import { Backoff } from '../../src/tikv/backoff.ts';
import { TikvError } from '../../src/tikv/errors.ts';
import { Region } from '../../src/tikv/region/region.ts';
import { RegionClient } from '../../src/tikv/region/region-client.ts';
import { RegionTable } from '../../src/tikv/region/region-table.ts';
import { region as regionInfo, virtualEnvironment } from '../support/tikv/scripted-cluster.ts';
import { VirtualTime } from '../support/tikv/virtual-time.ts';
import { EVENT_KINDS, keyText, ModelCluster } from './tikv-region-model.ts';

const BUDGET_MS = 20_000;

interface Operation {
  readonly kind: 'forward' | 'backward' | 'many';
  readonly keys: readonly number[];
}

const event = fc.record({
  kind: fc.constantFrom(...EVENT_KINDS),
  after: fc.nat({ max: 3 }),
  pick: fc.nat({ max: 999 }),
});
const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom('forward', 'backward', 'many'),
  keys: fc.uniqueArray(fc.nat({ max: 49 }), { minLength: 1, maxLength: 8 }),
});
const history = fc.record({
  seed: fc.integer(),
  events: fc.array(event, { maxLength: 60 }),
  lanes: fc.array(fc.array(operation, { maxLength: 10 }), { minLength: 1, maxLength: 4 }),
});

class Run {
  readonly time = new VirtualTime();
  readonly environment;
  readonly cluster: ModelCluster;
  readonly client: RegionClient;
  #operations = 0n;

  constructor(seed: number, events: ConstructorParameters<typeof ModelCluster>[2]) {
    const random = new SeededRandom(seed);
    this.environment = virtualEnvironment(this.time, () => random.next());
    this.cluster = new ModelCluster(this.time, seed, events);
    this.client = new RegionClient({
      environment: this.environment,
      pd: this.cluster.pd,
      rpc: this.cluster.rpc,
    });
  }

  /** Asks for each key until its region has answered. Returns the operation's number and `maybeApplied`. */
  async operate({ kind, keys }: Operation): Promise<{ number: bigint; maybeApplied: boolean }> {
    const number = ++this.#operations;
    const startMs = this.time.nowMs();
    const backoff = new Backoff(this.environment, BUDGET_MS);
    const sorted = keys.map((key) => Buffer.from(keyText(key))).sort(compareBytes);
    let maybeApplied = false;
    const send = async (region: Region, own: readonly Buffer[]): Promise<boolean> => {
      const call = { method: 'KvBatchGet', request: { keys: own, version: number } } as const;
      const sent = await this.client.send(region, call, backoff);
      maybeApplied ||= sent.maybeApplied;
      return sent.kind === 'answer';
    };
    const many = async (left: readonly Buffer[]): Promise<void> => {
      for (const { region, items } of await this.client.group(left, (key) => key, backoff))
        if (!(await send(region, items))) await many(items);
    };
    if (kind === 'many') await many(sorted);
    else
      for (const key of sorted) {
        // The keys just below `${key}!` are those from `key` on.
        const locate = (): Promise<Region> =>
          kind === 'forward'
            ? this.client.locate(key, backoff)
            : this.client.locateBefore(Buffer.concat([key, Buffer.of(0)]), backoff);
        while (!(await send(await locate(), [key])));
      }
    expect(this.time.nowMs() - startMs).toBeLessThanOrEqual(BUDGET_MS);
    return { number, maybeApplied };
  }
}

describe('regions that change all the time', () => {
  propertyTest.prop([history], { numRuns: 200 })(
    'every request reaches the region that owns its keys',
    async ({ seed, events, lanes }) => {
      const run = new Run(seed, events);
      const { cluster, time } = run;
      const lane = async (operations: readonly Operation[]): Promise<void> => {
        for (const one of operations) {
          const { number, maybeApplied } = await run.operate(one);
          const served = [...(cluster.served.get(number) ?? [])].sort();
          expect(served).toEqual(one.keys.map(keyText).sort());
          expect(maybeApplied).toBe(cluster.lost.has(number));
        }
      };
      await time.run(Promise.all(lanes.map(lane)));
      expect(cluster.violations).toEqual([]);

      // Once nothing changes any more, what was learned is right, and one call for each region is enough.
      cluster.heal();
      await time.advance(1000);
      const all = { kind: 'many', keys: Array.from({ length: 50 }, (_, key) => key) } as const;
      await time.run(run.operate(all));
      await time.run(run.operate(all));
      const before = cluster.callCount;
      await time.run(run.operate(all));
      const owners = new Set(all.keys.map((key) => cluster.owner(Buffer.from(keyText(key)))));
      expect(cluster.callCount - before).toBe(owners.size);
      expect(cluster.violations).toEqual([]);
      await time.run(run.client.close());
      expect(time.timerCount).toBe(0);
    },
  );

  propertyTest.prop([history], { numRuns: 50 })(
    'when nobody answers any more, every operation ends with its budget',
    async ({ seed, events, lanes }) => {
      const run = new Run(seed, events);
      const { cluster, time } = run;
      await time.run(
        Promise.all(
          lanes
            .flat()
            .slice(0, 3)
            .map((one) => run.operate(one)),
        ),
      );
      cluster.freeze();
      const startMs = time.nowMs();
      const failed = run.operate({ kind: 'many', keys: [1, 30] });
      await expect(time.run(failed)).rejects.toBeInstanceOf(TikvError);
      await expect(failed).rejects.toMatchObject({ code: 'unavailable' });
      expect(time.nowMs() - startMs).toBeLessThanOrEqual(BUDGET_MS + 5);
      expect(cluster.callCount).toBeLessThan(2000);
      await time.run(run.client.close());
    },
  );
});

const letter = fc.constantFrom('', 'b', 'd', 'f', 'h', 'j');
const step = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'insert', 'replace', 'remove'),
  id: fc.bigInt({ min: 1n, max: 4n }),
  bounds: fc.tuple(letter, letter),
  version: fc.bigInt({ min: 1n, max: 4n }),
  confVer: fc.bigInt({ min: 1n, max: 2n }),
});

describe('the table of regions', () => {
  propertyTest.prop([fc.array(step, { maxLength: 40 })], { numRuns: 200 })(
    'is a list of regions of which no two overlap',
    (steps) => {
      const table = new RegionTable(new SeededRandom(1));
      let model: Region[] = [];
      for (const { kind, id, bounds, version, confVer } of steps) {
        const [start, end] = bounds[0] > bounds[1] && bounds[1] !== '' ? [bounds[1], bounds[0]] : bounds;
        if (start === end && start !== '') continue;
        const one = new Region(regionInfo(id, [start, end], { epoch: { version, confVer } }));
        const overlapped = model.filter((other) => doOverlap(one, other));
        if (kind === 'remove') {
          const gone = model[Number(version) % Math.max(1, model.length)] ?? one;
          table.remove(gone);
          model = model.filter((other) => other !== gone);
        } else {
          const isOld = overlapped.some(
            ({ id: otherId, epoch }) =>
              epoch.version > version ||
              (epoch.version === version && otherId === id && epoch.confVer > confVer),
          );
          if (kind === 'replace') table.replace(one);
          else expect(table.insert(one)).toBe(!isOld);
          if (kind === 'replace' || !isOld)
            model = [...model.filter((other) => !overlapped.includes(other)), one];
        }
        expect(table.all()).toEqual(model.toSorted((a, b) => compareBytes(a.start, b.start)));
        for (const text of ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k']) {
          const key = Buffer.from(text);
          expect(table.find(key)).toBe(model.find((other) => other.contains(key)));
          expect(table.findBelow(key)).toBe(model.find((other) => other.containsBelow(key)));
        }
      }
    },
  );
});

function doOverlap(a: Region, b: Region): boolean {
  const before = (x: Region, y: Region): boolean => x.end.length > 0 && compareBytes(x.end, y.start) <= 0;
  return !before(a, b) && !before(b, a);
}
