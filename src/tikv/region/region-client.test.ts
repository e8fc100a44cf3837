import { describe, expect, test } from 'vitest';
import { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import type { PlacementDriver, RegionInfo } from '../pd/pd.ts';
import {
  placementDriver,
  region,
  regionError,
  ScriptedRpc,
  unanswered,
  up,
  virtualEnvironment,
} from '../../../test/support/tikv/scripted-cluster.ts';
import type { Serve } from '../../../test/support/tikv/scripted-cluster.ts';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import { Region } from './region.ts';
import { RegionClient } from './region-client.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const [first, second, third] = [
  region(1n, ['', 'f']),
  region(2n, ['f', 'p']),
  region(3n, ['p', '']),
] as const;

interface Setup {
  readonly pd?: Partial<PlacementDriver>;
  readonly serve?: Serve;
}

/** Three regions: up to f, up to p, to the end. The placement driver takes 10 ms. */
function setUp({ pd: own = {}, serve = () => ({}) }: Setup = {}) {
  const time = new VirtualTime();
  const environment = virtualEnvironment(time);
  const asks: string[] = [];
  const all = [first, second, third];
  const answer = async <T>(question: string, result: () => T): Promise<T> => {
    asks.push(question);
    await time.sleep(10);
    return result();
  };
  const at = (key: Uint8Array): RegionInfo =>
    all.findLast(({ start }) => Buffer.compare(start, key) <= 0) ?? first;
  const pd = placementDriver({
    region: (key) => answer(`region ${Buffer.from(key).toString()}`, () => at(key)),
    previousRegion: (end) =>
      answer(
        `below ${Buffer.from(end).toString()}`,
        () =>
          all.findLast(({ start }) => end.length === 0 || Buffer.compare(start, end) < 0) ??
          expect.fail('none'),
      ),
    regions: ({ start, end, limit }) =>
      answer(`regions ${Buffer.from(start).toString()}-${Buffer.from(end).toString()}`, () =>
        all
          .slice(all.indexOf(at(start)))
          .filter((one) => end.length === 0 || Buffer.compare(one.start, end) < 0)
          .slice(0, limit),
      ),
    store: (id) => answer(`store ${id}`, () => up(id, `s${id}`)),
    ...own,
  });
  const rpc = new ScriptedRpc(time, serve);
  const client = new RegionClient({ environment, pd, rpc });
  const backoff = (budgetMs = 20_000, signal?: AbortSignal): Backoff =>
    new Backoff(environment, budgetMs, signal);
  return { time, asks, rpc, client, backoff };
}

const ids = (regions: readonly { id: bigint }[]): bigint[] => regions.map(({ id }) => id);

describe('finding regions', () => {
  test('what was found once is not asked for again', async () => {
    const { time, asks, client, backoff } = setUp();
    const found = await time.run(client.locate(bytes('g'), backoff()));
    expect(found.id).toBe(2n);
    expect(await client.locate(bytes('f'), backoff())).toBe(found);
    expect(await client.locateBefore(bytes('p'), backoff())).toBe(found);
    expect(asks).toEqual(['region g']);
  });

  test('backwards: by the end of the keys that are wanted', async () => {
    const { time, asks, client, backoff } = setUp();
    const last = await time.run(client.locateBefore(bytes(''), backoff()));
    const before = await time.run(client.locateBefore(last.start, backoff()));
    const firstOne = await time.run(client.locateBefore(before.start, backoff()));
    expect(ids([last, before, firstOne])).toEqual([3n, 2n, 1n]);
    expect(asks).toEqual(['below ', 'below p', 'below f']);
  });

  test('many who need keys of one region share a question', async () => {
    const { time, asks, client, backoff } = setUp();
    const keys = ['g', 'h', 'i', 'j'];
    const found = await time.run(Promise.all(keys.map((key) => client.locate(bytes(key), backoff()))));
    expect(ids(found)).toEqual([2n, 2n, 2n, 2n]);
    expect(asks).toEqual(['region g']);
  });

  test('who waits for a question of another is not hurt by what becomes of that one', async () => {
    const own = new TikvError('aborted', 'its own');
    let calls = 0;
    const setup = setUp({
      pd: {
        region: async () => {
          if (++calls === 1) throw own;
          return second;
        },
      },
    });
    const firstCaller = setup.client.locate(bytes('g'), setup.backoff());
    const secondCaller = setup.client.locate(bytes('h'), setup.backoff());
    await expect(firstCaller).rejects.toBe(own);
    expect((await setup.time.run(secondCaller)).id).toBe(2n);
    expect(calls).toBe(2);
  });

  test('who waits for a question of another keeps to its own signal and budget', async () => {
    const { time, client, backoff } = setUp({
      pd: { region: () => new Promise(() => undefined) },
    });
    void client.locate(bytes('g'), backoff());
    const controller = new AbortController();
    const aborted = client.locate(bytes('g'), backoff(5000, controller.signal));
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    const startMs = time.nowMs();
    await expect(time.run(client.locate(bytes('g'), backoff(50)))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(time.nowMs() - startMs).toBe(50);
  });

  test('a question that takes long holds up nobody whose region is another', async () => {
    const setup = setUp({
      pd: {
        region: async (key) => {
          if (key[0] === 0x61) return new Promise(() => undefined);
          return third;
        },
      },
    });
    void setup.client.locate(bytes('a'), setup.backoff());
    const startMs = setup.time.nowMs();
    expect((await setup.time.run(setup.client.locate(bytes('z'), setup.backoff()))).id).toBe(3n);
    expect(setup.time.nowMs() - startMs).toBe(100);
  });

  test('a placement driver that is behind a store is asked again, and believed in the end', async () => {
    const newer = { epoch: { confVer: 3n, version: 9n } };
    const left = region(1n, ['', 'c'], newer);
    const stale = region(1n, ['', 'f']);
    let answers: RegionInfo[] = [left, stale, stale, region(8n, ['c', 'f'], newer)];
    const setup = setUp({ pd: { region: async () => answers.shift() ?? stale } });
    await setup.time.run(setup.client.locate(bytes('a'), setup.backoff()));
    const startMs = setup.time.nowMs();
    const found = await setup.time.run(setup.client.locate(bytes('d'), setup.backoff()));
    expect(found.id).toBe(8n);
    expect(setup.time.nowMs() - startMs).toBe(2 + 4);
    expect((await setup.client.locate(bytes('a'), setup.backoff())).end).toEqual(bytes('c'));
    // Whatever is in memory: what the placement driver insists on is tried.
    const other = setUp({ pd: { region: async () => answers.shift() ?? stale } });
    answers = [left];
    await other.time.run(other.client.locate(bytes('a'), other.backoff()));
    expect(await other.time.run(other.client.locate(bytes('d'), other.backoff()))).toMatchObject({
      id: 1n,
      end: bytes('f'),
    });
  });

  test('an answer about other keys is no answer', async () => {
    const { time, client, backoff } = setUp({ pd: { region: async () => first } });
    await expect(time.run(client.locate(bytes('z'), backoff()))).rejects.toMatchObject({ code: 'protocol' });
  });
});

describe('grouping keys', () => {
  test('one group for each region, in order, with one question', async () => {
    const { time, asks, client, backoff } = setUp();
    const keys = ['a', 'b', 'f', 'o', 'p', 'q'].map(bytes);
    const groups = await time.run(client.group(keys, (key) => key, backoff()));
    expect(groups.map(({ region: { id }, items }) => [id, items.map(String)])).toEqual([
      [1n, ['a', 'b']],
      [2n, ['f', 'o']],
      [3n, ['p', 'q']],
    ]);
    expect(asks).toEqual(['regions a-q\0']);
    await client.group(keys, (key) => key, backoff());
    expect(asks).toHaveLength(1);
    expect(await client.group([], (key: Buffer) => key, backoff())).toEqual([]);
  });

  test('asks for nothing that is known', async () => {
    const { time, asks, client, backoff } = setUp();
    await time.run(client.locate(bytes('g'), backoff()));
    const groups = await time.run(client.group(['a', 'g', 'z'].map(bytes), (key) => key, backoff()));
    expect(ids(groups.map((group) => group.region))).toEqual([1n, 2n, 3n]);
    expect(asks).toEqual(['region g', 'regions a-f', 'regions z-z\0']);
  });
});

describe('stores', () => {
  const get = { method: 'KvGet', request: { key: bytes('g'), version: 1n } } as const;

  test('an address is asked for once', async () => {
    const { time, asks, rpc, client, backoff } = setUp();
    const found = await time.run(client.locate(bytes('g'), backoff()));
    await time.run(Promise.all([1, 2, 3].map(() => client.send(found, get, backoff()))));
    await time.run(client.send(found, get, backoff()));
    expect(asks).toEqual(['region g', 'store 1']);
    expect(rpc.asked.map(({ address }) => address)).toEqual(['s1', 's1', 's1', 's1']);
  });

  test('a store that does not answer is looked up again beside the calls; where it has moved to is used', async () => {
    let address = 'old';
    const setup = setUp({
      pd: { store: async (id) => (await Promise.resolve(), up(id, id === 1n ? address : `s${id}`)) },
      serve: (asked) => {
        if (asked.address === 'old') {
          address = 'new';
          return unanswered(false);
        }
        if (asked.address !== 'new')
          return regionError({ notLeader: { regionId: 2n, leader: second.peers[0] } });
        return {};
      },
    });
    const found = await setup.time.run(setup.client.locate(bytes('g'), setup.backoff()));
    await setup.time.run(setup.client.send(found, get, setup.backoff()));
    const again = await setup.time.run(setup.client.locate(bytes('g'), setup.backoff()));
    expect(await setup.time.run(setup.client.send(again, get, setup.backoff()))).toMatchObject({
      kind: 'answer',
    });
    expect(setup.rpc.dropped).toEqual(['old']);
    await setup.client.close();
  });

  test('a store that did not answer is not asked first, until it has answered', async () => {
    let isDown = true;
    const setup = setUp({
      serve: (asked) => {
        if (asked.address === 's1') return isDown ? unanswered(false) : {};
        return isDown ? {} : regionError({ notLeader: { regionId: 2n, leader: second.peers[0] } });
      },
    });
    const keys = ['a', 'g', 'z'];
    const regions = await setup.time.run(
      Promise.all(keys.map((key) => setup.client.locate(bytes(key), setup.backoff()))),
    );
    const askedBy = async (at: number): Promise<string[]> => {
      const before = setup.rpc.asked.length;
      await setup.time.run(setup.client.send(regions[at]!, get, setup.backoff()));
      return setup.rpc.asked.slice(before).map(({ address }) => address);
    };
    expect(await askedBy(0)).toEqual(['s1', 's2']);
    expect(await askedBy(1)).toEqual(['s2']);
    expect(regions[1]?.leader.storeId).toBe(2n);
    await setup.time.advance(1000);
    expect(setup.rpc.dropped).toEqual([]);
    isDown = false;
    expect(await askedBy(1)).toEqual(['s2', 's1']);
    expect(await askedBy(2)).toEqual(['s1']);
  });

  test('closing ends what goes on beside the calls', async () => {
    let asksForOne = 0;
    const setup = setUp({
      pd: {
        store: (id, backoff) => {
          if (id !== 1n || ++asksForOne === 1) return Promise.resolve(up(id, `s${id}`));
          return new Promise((_, reject) => {
            backoff.signal?.addEventListener('abort', () => reject(new TikvError('aborted', 'closing')));
          });
        },
      },
      serve: ({ address }) => (address === 's1' ? unanswered(true) : {}),
    });
    const found = await setup.time.run(setup.client.locate(bytes('g'), setup.backoff()));
    const sent = await setup.time.run(setup.client.send(found, get, setup.backoff()));
    expect(sent).toMatchObject({ kind: 'answer', maybeApplied: true });
    expect(asksForOne).toBe(2);
    await setup.client.close();
    expect(setup.time.timerCount).toBe(0);
    const late = setup.client.send(region4(), get, setup.backoff());
    await expect(setup.time.run(late)).rejects.toMatchObject({ code: 'closed' });
  });
});

/** A region on a store that nobody has asked for yet. */
function region4() {
  return new Region(region(4n, ['', ''], { peers: [{ id: 1n, storeId: 9n, role: 0, isWitness: false }] }));
}
