import type { Bytes } from '../src/base/index.ts';
import type { KeyIndex, Segments } from '../src/index/index.ts';
import type { WatchHub, WatchStream } from '../src/watch/index.ts';
import { keyOf } from './bench-store.ts';
import { base, index as rooms, watch, wire } from './built.ts';
import type { Bench, Figure } from './figures.ts';
import { cpuMicros, figure, ResultHash } from './figures.ts';

const VALUE_BYTES = 512;
/** Puts that commit together. */
const GROUP = 64;
const STREAMS = 16;
/** Deliveries in a round at most, where every watcher wants every put. */
const DELIVERIES_MAX = 1_000_000;

type Interest = 'own' | 'all';

/** From the announcement of a commit to the last response: matching, framing, sending to streams that count. */
export const benchWatch: Bench = async ({ rounds, operations, watchers }) => {
  const figures: Figure[] = [];
  for (const count of watchers) {
    const puts = Math.ceil(Math.min(operations, 20_000) / GROUP) * GROUP;
    figures.push(measure({ count, interest: 'own', rounds, puts }));
    const shared = Math.max(GROUP, Math.min(puts, Math.floor(DELIVERIES_MAX / count / GROUP) * GROUP));
    figures.push(measure({ count, interest: 'all', rounds, puts: shared }));
  }
  return Promise.resolve(figures);
};

/** `own`: each watcher a key of its own, one of them written each time. `all`: each the whole prefix. */
function measure(options: { count: number; interest: Interest; rounds: number; puts: number }): Figure {
  const { count, interest, rounds, puts } = options;
  const world = new World();
  world.open(count, interest);
  const hash = new ResultHash();
  const micros: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = world.hub.statistics().eventsDelivered;
    const cpu = world.write(puts, count);
    const events = world.hub.statistics().eventsDelivered - before;
    const wanted = interest === 'own' ? puts : puts * count;
    if (events !== wanted) throw new Error(`${events} events delivered, not ${wanted}`);
    hash.add(events);
    hash.add(world.bytes > 0 ? 1 : 0);
    if (round > 0) micros.push(cpu / events);
  }
  const many = `${count.toLocaleString('en')} watchers`;
  const whom = interest === 'own' ? 'of one key each' : 'of the same prefix';
  return figure({ name: `event to ${many} ${whom}: CPU`, unit: 'us', hash: String(hash) }, micros);
}

/** A hub over an index, whose turns are run by the benchmark. */
class World {
  readonly hub: WatchHub;
  bytes = 0;
  readonly #segments: Segments = new rooms.Segments();
  readonly #index: KeyIndex = new rooms.KeyIndex(this.#segments, { random: new base.SeededRandom(1) });
  readonly #turns: (() => void)[] = [];
  readonly #value = Buffer.alloc(VALUE_BYTES, 'v');
  #revision = 1;
  #written = 0;

  constructor() {
    const identity = wire.headerIdentity(1n, 2n);
    this.hub = new watch.WatchHub({
      source: {
        index: this.#index,
        arena: this.#segments,
        history: { body: () => Promise.resolve('compacted') },
        revision: () => this.#revision,
        compacted: () => 0,
        header: (at) => ({ identity, revision: at, raftTerm: 2 }),
      },
      clock: { nowMs: () => performance.now() },
      scheduler: { soon: (run) => this.#turns.push(run), after: () => () => undefined },
      random: new base.SeededRandom(2),
      logger: base.silentLogger,
      progressIntervalMs: 600_000,
    });
  }

  open(count: number, interest: Interest): void {
    const sink = {
      send: (slices: readonly Bytes[]): boolean => {
        for (let i = 0; i < slices.length; i++) this.bytes += slices[i]!.length;
        return true;
      },
      end: () => undefined,
    };
    const streams: WatchStream[] = Array.from({ length: STREAMS }, () => this.hub.open(sink));
    for (let n = 0; n < count; n++) {
      const [key, rangeEnd] =
        interest === 'own' ? [keyOf(n), base.EMPTY_BYTES] : [Buffer.from('/'), Buffer.from('0')];
      const request = { key, rangeEnd, startRevision: 0, progressNotify: false, prevKv: false };
      streams[n % STREAMS]!.receive({
        kind: 'create',
        request: { ...request, filters: [], watchId: 0, fragment: false },
      });
    }
  }

  /** CPU time of the hub alone, in microseconds. */
  write(puts: number, keys: number): number {
    let cpu = 0;
    for (let put = 0; put < puts; put += GROUP) {
      let revision = this.#revision;
      for (let i = 0; i < GROUP; i++) this.#put(keyOf((this.#written++ * 7919) % keys), ++revision);
      this.#revision = revision;
      const start = cpuMicros();
      this.hub.committed(revision);
      for (let turn = this.#turns.shift(); turn !== undefined; turn = this.#turns.shift()) turn();
      cpu += cpuMicros() - start;
    }
    return cpu;
  }

  #put(key: Buffer, revision: number): void {
    const length = wire.keyValueSize(key.length, revision, revision, 1, VALUE_BYTES, 0n);
    const { bytes, segment, offset } = this.#segments.reserve(length);
    wire.writeKeyValue(bytes, offset, key, revision, revision, 1, this.#value, 0n);
    this.#index.add(segment, offset, length, revision, 0, false);
  }
}
