import type { Bytes } from '../base/index.ts';
import { SeededRandom, silentLogger } from '../base/index.ts';
import { KeyIndex, Segments } from '../index/index.ts';
import { headerIdentity, keyValueSize, writeKeyValue } from '../wire/index.ts';
import { WatchHub } from './hub.ts';

export interface DeliveryBenchOptions {
  /** Watchers in all, spread over the streams. */
  readonly watchers: number;
  readonly streams: number;
  /** `same`: all watch the whole prefix. `own`: each watches a key of its own. `ranges`: each a range of its own. */
  readonly interest: 'same' | 'own' | 'ranges';
  /** Puts in all, and how many commit together. */
  readonly puts: number;
  readonly groupSize: number;
  readonly valueBytes: number;
  /** CPU time of the process so far, and the time, in milliseconds. */
  readonly cpuMs: () => number;
  readonly nowMs: () => number;
}

export interface DeliveryBenchResult {
  readonly events: number;
  readonly responses: number;
  /** CPU from the announcement of a commit to the last response, per put, and per delivered event. */
  readonly microsPerPut: number;
  readonly microsPerEvent: number;
}

/** Match, frame and send to sinks that count. Indexing the puts is not in the figures. */
export function benchDelivery(options: DeliveryBenchOptions): DeliveryBenchResult {
  const segments = new Segments();
  const index = new KeyIndex(segments, { random: new SeededRandom(1) });
  const identity = headerIdentity(0x1122334455667788n, 0x99aabbccddeeff00n);
  let revision = 1;
  const turns: (() => void)[] = [];
  const hub = new WatchHub({
    source: {
      index,
      arena: segments,
      history: { body: () => Promise.resolve('compacted') },
      revision: () => revision,
      compacted: () => 0,
      header: (at) => ({ identity, revision: at, raftTerm: 2 }),
    },
    clock: { nowMs: options.nowMs },
    scheduler: { soon: (run) => turns.push(run), after: () => () => undefined },
    random: new SeededRandom(2),
    logger: silentLogger,
    progressIntervalMs: 600_000,
  });
  const counts = openWatchers(hub, options);
  const [events, responses] = [hub.statistics().eventsDelivered, counts.responses];
  let cpu = 0;
  for (let put = 0; put < options.puts; put += options.groupSize) {
    let at = revision;
    for (let i = 0; i < options.groupSize; i++)
      writePut(segments, index, keyOf((put + i) * 7919, options), ++at, options);
    revision = at;
    const start = options.cpuMs();
    hub.committed(revision);
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
    cpu += options.cpuMs() - start;
  }
  const delivered = hub.statistics().eventsDelivered - events;
  return {
    events: delivered,
    responses: counts.responses - responses,
    microsPerPut: (cpu * 1000) / options.puts,
    microsPerEvent: (cpu * 1000) / delivered,
  };
}

function keyOf(n: number, options: DeliveryBenchOptions): Buffer {
  return Buffer.from(`/registry/pods/namespace-17/pod-${String(n % options.watchers).padStart(8, '0')}`);
}

function openWatchers(hub: WatchHub, options: DeliveryBenchOptions): { responses: number; bytes: number } {
  const counts = { responses: 0, bytes: 0 };
  const sink = {
    send(slices: readonly Bytes[]): boolean {
      counts.responses++;
      for (let i = 0; i < slices.length; i++) counts.bytes += slices[i]!.length;
      return true;
    },
    end: () => undefined,
  };
  const streams = Array.from({ length: options.streams }, () => hub.open(sink));
  for (let n = 0; n < options.watchers; n++) {
    const own = keyOf(n, options);
    const key = options.interest === 'same' ? Buffer.from('/registry/pods/') : own;
    const ends = {
      same: Buffer.from('/registry/pods0'),
      own: Buffer.alloc(0),
      ranges: Buffer.concat([own, key]),
    };
    const request = {
      key,
      rangeEnd: ends[options.interest],
      startRevision: 0,
      progressNotify: false,
      filters: [],
      prevKv: true,
      watchId: 0,
      fragment: false,
    };
    streams[n % options.streams]!.receive({ kind: 'create', request });
  }
  return counts;
}

function writePut(
  segments: Segments,
  index: KeyIndex,
  key: Buffer,
  revision: number,
  options: DeliveryBenchOptions,
): void {
  const value = Buffer.alloc(options.valueBytes, 'v');
  const length = keyValueSize(key.length, revision, revision, 1, value.length, 0n);
  const place = segments.reserve(length);
  writeKeyValue(place.bytes, place.offset, key, revision, revision, 1, value, 0n);
  index.add(place.segment, place.offset, length, revision, 0, false);
}
