/** Nodes of one cluster on one memory engine and a network in memory, in manual time. */
import { EMPTY_BYTES, SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { Clock, Scheduler } from '../../src/base/index.ts';
import { ClusterNode } from '../../src/cluster/index.ts';
import type { ClusterNodeOptions, ServeForwarded } from '../../src/cluster/index.ts';
import { EngineError } from '../../src/engine/index.ts';
import type { Engine, Entry, Write } from '../../src/engine/index.ts';
import { MemoryEngine } from '../../src/engine/memory/index.ts';
import type { RangeResult, StoreOptions } from '../../src/store/index.ts';
import { MemoryPeerNetwork } from '../support/peer-network.ts';
import type { ModelRange } from './store-model.ts';
import { call, plainRange, put, range, TestTime } from './store-world.ts';

export const LEASE_MS = 800;

/** A node that a test can stop dead: what it has scheduled never comes. */
export class Seat {
  node!: ClusterNode;
  readonly name: string;
  readonly url: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  isDead = false;
  /** Its engine does not answer it, says that it cannot, or finds that what it should read makes no sense. */
  trouble: 'hangs' | 'away' | 'refuses' | undefined;
  /** What it commits to the leader record is not sent before this has settled. */
  stalledLease: Promise<void> = Promise.resolve();
  /** What it commits is not sent before this has settled. */
  stalled: Promise<void> = Promise.resolve();
  readonly #engine: Engine;

  constructor(name: string, time: TestTime, engine: Engine, rate: number) {
    this.name = name;
    this.url = `http://${name}:2380`;
    const alive = (run: () => void) => () => {
      if (!this.isDead) run();
    };
    this.clock = { nowMs: () => time.nowMs() * rate };
    this.scheduler = {
      soon: (run) => time.soon(alive(run)),
      after: (delayMs, run) => time.after(delayMs / rate, alive(run)),
    };
    this.#engine = engine;
  }

  /** The engine as this node sees it: a dead one sends nothing. */
  get engine(): Engine {
    const engine = this.#engine;
    const unlessDead = <T>(act: () => Promise<T>): Promise<T> => {
      if (this.isDead || this.trouble === 'hangs') return new Promise<T>(() => undefined);
      if (this.trouble === 'away') return Promise.reject(new EngineError('unavailable', 'away'));
      if (this.trouble === 'refuses') return Promise.reject(new EngineError('corrupt', 'makes no sense'));
      return act();
    };
    return {
      capabilities: { ...engine.capabilities, shared: true },
      snapshot: () => unlessDead(() => engine.snapshot()),
      commit: async (batch, signal) => {
        await this.stalled;
        const isLease = batch.writes.some(({ key }) => Buffer.from(key).toString().endsWith('/leader'));
        if (isLease) await this.stalledLease;
        return unlessDead(() => engine.commit(batch, signal));
      },
      sizeBytes: () => engine.sizeBytes(),
      compact: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  async range(key: string, serializable = false): Promise<ModelRange> {
    return plainRange(
      await call<RangeResult>((done) => this.node.store.range(range(key, '', { serializable }), done)),
    );
  }

  /** A put as a client has it: served here, or forwarded. Resolves to gRPC's code. */
  put(key: string, value: string): Promise<number> {
    return new Promise((resolve) => {
      const { node } = this;
      const request = Buffer.from(JSON.stringify([key, value]));
      if (node.leads) servePut(this)({ member: 0n, method: 'put', request }, ({ code }) => resolve(code));
      else node.forward('put', request, ({ code }) => resolve(code));
    });
  }
}

/** The one service of these nodes. */
export function servePut(seat: Seat): ServeForwarded {
  return ({ request }, reply) => {
    const [key, value] = JSON.parse(Buffer.from(request).toString()) as [string, string];
    seat.node.store.put(put(key, value), 0, (error) =>
      reply({ code: error?.grpcCode ?? 0, message: error?.message ?? '', body: EMPTY_BYTES }),
    );
  };
}

export interface WorldOptions {
  readonly linearizableReads?: 'lease' | 'engine';
  readonly rates?: readonly number[];
  readonly store?: Partial<StoreOptions>;
}

export class ClusterWorld {
  readonly time = new TestTime();
  readonly engine = new MemoryEngine();
  readonly network = new MemoryPeerNetwork(this.time);
  readonly seats: Seat[] = [];

  /** Everything that is stored. */
  async stored(): Promise<Entry[]> {
    const found: Entry[] = [];
    await using snapshot = await this.engine.snapshot();
    const everything = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };
    for await (const entries of snapshot.scan(everything)) found.push(...entries);
    return found;
  }

  /** Somebody else changes what is stored. */
  async store(...writes: readonly Write[]): Promise<void> {
    await this.engine.commit({ conditions: [], writes }, new AbortController().signal);
  }

  static async of(names: readonly string[], options: WorldOptions = {}): Promise<ClusterWorld> {
    const world = new ClusterWorld();
    for (const [i, name] of names.entries()) await world.add(name, i, options);
    await world.until(() => world.seats.every(({ node }) => node.store.readable));
    return world;
  }

  async add(name: string, i: number, options: WorldOptions): Promise<Seat> {
    const seat = new Seat(name, this.time, this.engine, options.rates?.[i] ?? 1);
    await this.wait(this.start(seat, i, options));
    return seat;
  }

  /** Resolves when the node has started, for which time must pass. */
  async start(seat: Seat, i: number, options: WorldOptions): Promise<void> {
    seat.node = await ClusterNode.start(this.#options(seat, i, options));
    this.seats.push(seat);
  }

  #options(seat: Seat, i: number, options: WorldOptions): ClusterNodeOptions {
    const { engine, clock, scheduler, name, url } = seat;
    return {
      store: {
        ...{ engine, clock, scheduler, name, keyspace: 'test', logger: silentLogger },
        random: new SeededRandom(i + 1),
        ...options.store,
      },
      network: this.network.at(url),
      serve: servePut(seat),
      ...{ peerUrls: [url], clientUrls: [`http://${name}:2379`] },
      ...{ leaseMs: LEASE_MS, renewMs: LEASE_MS / 4 },
      linearizableReads: options.linearizableReads ?? 'lease',
    };
  }

  get leader(): Seat {
    const found = this.seats.find(({ node, isDead }) => node.leads && !isDead);
    if (found === undefined) throw new Error('nobody leads');
    return found;
  }
  get followers(): Seat[] {
    return this.seats.filter((seat) => !seat.isDead && !seat.node.leads);
  }

  /** Lets time pass until it is so. Returns how long that took. */
  async until(isSo: () => boolean, msMax = 20_000): Promise<number> {
    const fromMs = this.time.nowMs();
    while (!isSo()) {
      if (this.time.nowMs() - fromMs > msMax) throw new Error(`not within ${msMax} ms`);
      await this.time.advance(5);
    }
    return this.time.nowMs() - fromMs;
  }

  /** Lets time pass until a promise has settled. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    await this.until(() => isSettled);
    return promise;
  }

  kill(seat: Seat): void {
    seat.isDead = true;
    this.network.cut(seat.url);
  }
}

/** Of the first key that was found. */
export const value = ({ kvs }: ModelRange): string | undefined => kvs[0]?.value;

/** The cleaner does at once what it can. */
export const EAGER: NonNullable<StoreOptions['cleanerLimits']> = {
  ...{ deadBytesMin: 1, deadShareMin: 0.01, removalsMin: 1, removalsShareMin: 0.01 },
  ...{ stepBytesMax: 3000, chunkBytesMin: 700, newChunksMin: 2 },
};

/** `leader` removes k0, which it has put before, and sweeps all trace of both out of the log. */
export async function sweep(world: ClusterWorld, leader: Seat): Promise<void> {
  const { store } = leader.node;
  for (let i = 0; i < 30; i++) await world.wait(leader.put(`k${i % 3}`, 'x'.repeat(200)));
  const request = { key: Buffer.from('k0'), rangeEnd: EMPTY_BYTES, prevKv: false };
  await call((done) => store.deleteRange(request, 0, done));
  await world.wait(leader.put('last', 'before the compaction'));
  const { revision } = store;
  await world.wait(call((done) => store.compact({ revision, physical: true }, done)));
  for (let i = 0; i < 3; i++) {
    await world.wait(leader.put('last', String(i)));
    await world.wait(store.defragment());
  }
}
