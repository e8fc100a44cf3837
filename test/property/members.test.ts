/**
 * Nodes come, go, crash and stand still on a store whose commits land late or twice; every record of members that was
 * ever in the store is judged against the one before it. Then a rolling upgrade, with stores that write the log.
 */
import { describe, expect, it } from 'vitest';

import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import { sequenceOfSlot } from '../../src/log/index.ts';
import { Store } from '../../src/store/index.ts';
import { listed, MembersWorld, names } from '../support/cluster/members-world.ts';
import type { Node } from '../support/cluster/members-world.ts';
import { EAGER } from '../simulation/node.ts';
import { call, put } from './store-world.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Judges each record by the one before, and knows who may leave. */
class JudgedWorld extends MembersWorld {
  readonly problems: string[] = [];
  readonly leaving = new Set<string>();
  readonly counts = { joined: 0, replaced: 0, removed: 0, left: 0, raised: 0 };
  readonly #beatMs = new Map<string, { counter: number; atMs: number }>();
  #judged = 0;

  override landed(writes: Parameters<MembersWorld['landed']>[0]): void {
    super.landed(writes);
    for (; this.#judged < this.records.length; this.#judged++) this.#judge(this.#judged);
  }

  #judge(at: number): void {
    const before = this.records[at - 1] ?? { change: 0, writes: 1, members: [] };
    const after = this.records[at];
    if (after === undefined) return void this.problems.push('the record is gone');
    const nowMs = this.world.nowMs();
    if (after.change !== before.change + 1)
      this.problems.push(`change ${after.change} is behind ${before.change}`);
    if (after.writes < before.writes) this.problems.push(`format ${before.writes} falls to ${after.writes}`);
    if (after.writes > before.writes) this.counts.raised++;
    const kept = new Set(after.members.map(({ incarnation }) => incarnation));
    for (const { name, incarnation } of before.members) {
      if (kept.has(incarnation)) continue;
      const silentMs = nowMs - (this.#beatMs.get(incarnation)?.atMs ?? 0);
      if (after.members.some((other) => other.name === name)) {
        this.counts.replaced++;
        // The clocks are 10 % off, and heartbeats are told by looking every so often.
        if (silentMs < 2000) this.problems.push(`${incarnation} is replaced after ${silentMs} ms`);
      } else if (this.leaving.has(incarnation)) this.counts.left++;
      else {
        this.counts.removed++;
        if (silentMs < 50_000) this.problems.push(`${incarnation} is lost after ${silentMs} ms`);
      }
    }
    for (const { incarnation, counter } of after.members) {
      const last = this.#beatMs.get(incarnation);
      if (last === undefined) this.counts.joined++;
      if (last?.counter !== counter) this.#beatMs.set(incarnation, { counter, atMs: nowMs });
    }
  }
}

/** Nodes of five names; at most one living incarnation of each is wanted, now and then a second one tries. */
class Swarm {
  readonly it: JudgedWorld;
  readonly trouble;
  readonly #random: SeededRandom;
  readonly #current = new Map<string, Node>();
  #knows = 1;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const { uncertain, conflicts } = {
      uncertain: this.#random.next() * 0.4,
      conflicts: this.#random.next() * 0.1,
    };
    const lateMs = 20 + this.#random.next() * 5000;
    this.trouble = { uncertain, conflicts, lateMs, engineTail: 0.01, tailMs: this.#random.next() * 1500 };
    this.it = new JudgedWorld(seed, this.trouble);
  }

  boot(name: string): void {
    const rate = 1 + 0.1 * this.#random.int(-1, 1);
    const node = this.it.boot(name, { knows: this.#knows, rate });
    node.members.setLeading(this.#random.chance(0.4));
    this.#current.set(name, node);
  }

  async step(): Promise<void> {
    const { it } = this;
    const random = this.#random;
    const name = random.pick(NAMES);
    const node = this.#current.get(name);
    const dice = random.next();
    if (node === undefined || node.state !== 'started') {
      if (node !== undefined) it.kill(node);
      this.boot(name);
    } else if (dice < 0.15) {
      it.kill(node);
      this.#current.delete(name);
    } else if (dice < 0.25) it.world.stall(node.owner, random.next() * (random.chance(0.2) ? 90_000 : 5000));
    else if (dice < 0.35) it.store.cutOff.add(node.owner);
    else if (dice < 0.55) it.store.cutOff.clear();
    else if (dice < 0.65) {
      it.leaving.add(node.owner);
      void node.members.stop();
      this.#current.delete(name);
    } else if (dice < 0.7) it.boot(name, { knows: this.#knows });
    else if (dice < 0.72) this.#knows = 2;
    else node.members.setLeading(random.chance(0.4));
    await it.run(random.next() * (random.chance(0.1) ? 30_000 : 3000));
  }

  /** Trouble is over: whoever has not been refused lives on. */
  async calm(): Promise<void> {
    const { it } = this;
    Object.assign(this.trouble, { uncertain: 0, conflicts: 0, engineTail: 0 });
    it.store.cutOff.clear();
    await it.run(95_000);
    for (const name of NAMES) {
      const node = this.#current.get(name);
      if (node?.state === 'started' && node.refusals.length === 0) continue;
      if (node !== undefined) it.kill(node);
      const taken = it.nodes.some((other) => other.name === name && isAlive(it, other));
      if (!taken) {
        this.#knows = 2;
        this.boot(name);
      }
    }
    for (const node of it.nodes) node.members.setLeading(isAlive(it, node));
    await it.run(75_000);
  }
}

function isAlive(it: JudgedWorld, { owner, state, refusals }: Node): boolean {
  return state === 'started' && refusals.length === 0 && !it.leaving.has(owner);
}

describe('the members of a cluster', () => {
  it('promise 7: are never lost, never two of a name, and agree in the end, whatever lands late', async () => {
    const sums = { joined: 0, replaced: 0, removed: 0, left: 0, raised: 0 };
    for (let seed = 1; seed <= 20; seed++) {
      const swarm = new Swarm(seed);
      const { it } = swarm;
      for (const name of NAMES) swarm.boot(name);
      for (let i = 0; i < 60; i++) await swarm.step();
      await swarm.calm();
      expect({ seed, problems: it.problems }).toEqual({ seed, problems: [] });
      expect({ seed, names: names(it.record) }).toEqual({ seed, names: 'a b c d e' });
      const members = it.nodes.filter((node) => isAlive(it, node));
      expect({ seed, lists: members.map(listed) }).toEqual({ seed, lists: NAMES.map(() => 'a b c d e') });
      for (const kind of Object.keys(sums) as (keyof typeof sums)[]) sums[kind] += it.counts[kind];
    }
    expect(Math.min(...Object.values(sums))).toBeGreaterThan(3);
  });
});

/** A node with its store: members say what it writes. */
class LogNode {
  readonly node: Node;
  readonly store: Store;

  constructor(node: Node, store: Store) {
    this.node = node;
    this.store = store;
  }

  static async start(it: MembersWorld, name: string, knows: number): Promise<LogNode> {
    const node = it.boot(name, { knows });
    await it.run(4000);
    expect(node.state).toBe('started');
    return LogNode.open(it, node, knows);
  }

  static async open(it: MembersWorld, node: Node, knows: number): Promise<LogNode> {
    const store = await done(
      it,
      Store.follow({
        engine: it.store.sharedEngineOf(node.owner),
        ...{ keyspace: 'test', name: node.name, clock: it.world, logger: silentLogger },
        scheduler: it.world.schedulerOf(node.owner),
        random: new SeededRandom(7),
        lease: { holds: () => true },
        chunkFormat: { knows, writes: () => node.members.writes() },
        cleanerLimits: EAGER,
      }),
    );
    return new LogNode(node, store);
  }
}

/** Lets time pass until `promise` is settled. */
async function done<T>(it: MembersWorld, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => (isSettled = true));
  settled.catch(() => undefined);
  for (let i = 0; i < 5000 && !isSettled; i++) await it.run(2);
  return settled;
}

/** Looks at each chunk at the instant it lands. */
class UpgradeWorld extends MembersWorld {
  readonly problems: string[] = [];
  readonly chunks = { 1: 0, 2: 0, rewrittenWhileMixed: 0 };
  readonly #seen = new Set<number>();

  override landed(writes: Parameters<MembersWorld['landed']>[0]): void {
    super.landed(writes);
    for (const { key, value } of writes) {
      if (value === undefined || !/\/log\/[0-9a-f]{14}$/.test(Buffer.from(key).toString())) continue;
      const format = Buffer.from(value).readUInt16LE(8);
      const members = this.record?.members ?? [];
      const least = Math.min(...members.map(({ knows }) => knows));
      if (format > least) this.problems.push(`a chunk of format ${format} lands while a node knows ${least}`);
      this.chunks[format as 1 | 2]++;
      const sequence = sequenceOfSlot(key);
      const isMixed = members.some(({ knows }) => knows === 2) && least === 1;
      if (this.#seen.has(sequence) && isMixed) this.chunks.rewrittenWhileMixed++;
      this.#seen.add(sequence);
    }
  }

  async load(leader: LogNode, followers: readonly LogNode[], count: number): Promise<void> {
    const { store } = leader;
    for (let i = 0; i < count; i++) {
      await done(
        this,
        call((told) => store.put(put(`k${i % 7}`, `${i}`.repeat(30)), 0, told)),
      );
      if (i % 10 === 9) {
        await done(
          this,
          call((told) => store.compact({ revision: store.revision, physical: false }, told)),
        );
        await this.run(1500);
      }
    }
    for (const follower of followers) {
      follower.store.announce(store.sequence);
      await done(this, follower.store.catchUp(store.sequence));
      expect(follower.store.revision).toBe(store.revision);
    }
  }

  async lead(next: LogNode, others: readonly LogNode[]): Promise<void> {
    for (const { node, store } of others) {
      node.members.setLeading(false);
      store.depose();
    }
    await this.run(100);
    expect(await done(this, next.store.lead())).toBe(true);
    next.node.members.setLeading(true);
  }
}

describe('a rolling upgrade', () => {
  it('promise 10: writes no chunk that a node of the cluster cannot read, and the newer one in the end', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const it = new UpgradeWorld(seed, { uncertain: 0.05, lateMs: 3000, engineTail: 0, tailMs: 0 });
      let nodes = [
        await LogNode.start(it, 'a', 1),
        await LogNode.start(it, 'b', 1),
        await LogNode.start(it, 'c', 1),
      ];
      await it.lead(nodes[0]!, []);
      await it.load(nodes[0]!, nodes.slice(1), 30);
      for (let i = 0; i < 3; i++) {
        // The oldest node goes, stopped or killed; a new one leads, of either version.
        const [gone, ...kept] = nodes;
        const successor = kept[seed % 2]!;
        await it.lead(successor, nodes);
        if (i % 2 === 0) await it.stop(gone!.node);
        it.kill(gone!.node);
        if (i < 2) expect(it.record?.writes).toBe(1);
        await it.load(
          successor,
          kept.filter((node) => node !== successor),
          30,
        );
        // The last one is away, signed off: then the others begin to write the newer format already.
        const upgraded = await LogNode.start(it, gone!.node.name, 2);
        nodes = [...kept, upgraded];
        await it.load(
          successor,
          nodes.filter((node) => node !== successor),
          30,
        );
      }
      const leader = nodes.find(({ store }) => store.leads)!;
      expect(it.record?.writes).toBe(2);
      await it.load(
        leader,
        nodes.filter((node) => node !== leader),
        30,
      );
      expect({ seed, problems: it.problems }).toEqual({ seed, problems: [] });
      expect(Math.min(...Object.values(it.chunks))).toBeGreaterThan(10);
      // Who comes later and knows less is refused before it reads anything, and would be refused by the log.
      const late = it.boot('d', { knows: 1 });
      await it.run(3000);
      expect(late.state).toBe('format-too-old');
      await expect(LogNode.open(it, late, 1)).rejects.toThrow(
        /it has format 2 and this program knows formats up to 1/,
      );
    }
  });

  it('promise 10: a node that was away when the format was raised refuses the chunk, and itself', async () => {
    const it = new UpgradeWorld();
    const old = await LogNode.start(it, 'a', 1);
    const leader = await LogNode.start(it, 'b', 2);
    await it.lead(leader, []);
    await it.load(leader, [old], 20);
    it.store.cutOff.add(old.node.owner);
    await it.run(70_000);
    await it.load(leader, [], 20);
    expect(it.chunks[2]).toBeGreaterThan(10);
    it.store.cutOff.clear();
    const { revision } = old.store;
    await expect(done(it, old.store.catchUp(leader.store.sequence))).rejects.toMatchObject({
      code: 'log-format',
      message: expect.stringMatching(/it has format 2 and this program knows formats up to 1/) as string,
    });
    await it.run(3000);
    expect(old.node.refusals).toEqual(['format-too-old']);
    expect(old.store.revision).toBeGreaterThanOrEqual(revision);
    expect(it.problems).toEqual([]);
  });
});
