import { setTimeout as rest } from 'node:timers/promises';
import { encodeRequest } from '../../../test/etcd/protocol.ts';
import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { RawStream } from '../../../test/support/raw/raw-stream.ts';
import { processCpuMicros } from '../../../test/support/process-figures.ts';
import { Latencies } from './latencies.ts';
import { MessageParser } from './message-parser.ts';
import { Rate } from './rate.ts';
import type { Shape } from './shapes.ts';
import type { WatchResult, WatchTask } from './tasks.ts';
import { isOfPool, KEY_DIGITS, markedValue, Template } from './template.ts';
import { WatchResponseReader } from './watch-response.ts';
import type { WatchedPut, WatchEvents } from './watch-response.ts';

const WATCH = '/etcdserverpb.Watch/Watch';
const PREFIX = '/registry/events/watched/';
const KEYS = 1000;
const TICK_MS = 20;
/** What is on its way when the last put has been answered counts as delivered while it ran. */
const ARRIVAL_MS = 100;
/** A server that is behind sends all the time. */
const SILENCE_MS = 20_000;
/** For a server to begin all watchers. */
const CREATED_MS = 60_000;
/** For events of the warm-up that are late. */
const WARM_DRAIN_MS = 60_000;
/** Responses that are looked into are so many at most. */
const LOOKED_INTO_PER_SECOND = 20_000;
/** In a value, behind the time: the number of its put, and then the text. */
const NUMBER_AT = 8;
const TEXT_AT = 16;

/**
 * Watchers of one prefix, some on each stream, one stream on each connection, and puts at a fixed rate from a connection
 * of their own. Each value holds when its put was sent, so that the latency of an event is from there to its arrival.
 */
export async function watchFanOut(
  connections: readonly RawConnection[],
  task: WatchTask,
  serverPid: number,
): Promise<WatchResult> {
  const [writer, ...readers] = connections;
  if (writer === undefined || readers.length === 0) throw new RangeError('A fan-out needs two connections');
  const put = new TimedPut(task.valueBytes);
  const fanOut = new FanOut(readers, task, put);
  await until(() => fanOut.created === task.watchers, CREATED_MS);
  const puts = { fanOut, writer, task, put };
  // Of the events of these none comes later, where the others are counted.
  const warmed = await putFor(puts, task.warmMs);
  const isWarm = !(await drained(fanOut, warmed * task.watchers, WARM_DRAIN_MS));
  if (!isWarm || fanOut.delivered !== warmed * task.watchers)
    fanOut.fail('events of the warm-up are missing');
  fanOut.clear();
  const cpu = processCpuMicros(serverPid);
  const own = process.cpuUsage();
  const startMs = performance.now();
  const sent = await putFor(puts, task.measureMs);
  const { user, system } = process.cpuUsage(own);
  const inTime = fanOut.delivered;
  const elapsedMs = performance.now() - startMs;
  const expected = sent * task.watchers;
  const isLate = await drained(fanOut, expected, task.drainMs);
  const failures = { ...fanOut.failures };
  if (!isLate && fanOut.delivered !== expected) failures[`${fanOut.delivered} events of ${expected}`] = 1;
  return {
    ...fanOut.latencies.summary(),
    ...{ operations: inTime, elapsedMs, failures, puts: sent, delivered: fanOut.delivered, expected },
    // Events that came late cost as much as those that came in time: CPU until the last, per event of all.
    serverCpuMicros: ((processCpuMicros(serverPid) - cpu) * inTime) / Math.max(1, fanOut.delivered),
    generatorCpuMicros: user + system,
    drainedMs: performance.now() - startMs - elapsedMs,
  };
}

/** Puts for so long, and waits until they are answered and their events may have arrived. Returns how many. */
async function putFor({ fanOut, writer, task, put }: Puts, ms: number): Promise<number> {
  const rate = new Rate({
    connections: [writer],
    shape: put,
    perSecond: task.putsPerSecond,
    answered: () => undefined,
    failed: (what) => fanOut.fail(`put: ${what}`),
  });
  await rest(ms);
  await rate.stop();
  await until(() => fanOut.delivered >= rate.sent * task.watchers, ARRIVAL_MS);
  return rate.sent;
}

interface Puts {
  readonly fanOut: FanOut;
  readonly writer: RawConnection;
  readonly task: WatchTask;
  readonly put: TimedPut;
}

class FanOut implements WatchEvents {
  created = 0;
  delivered = 0;
  readonly latencies = new Latencies();
  readonly failures: Record<string, number> = {};
  /** Of so many responses one is looked into. */
  readonly sampling: number;
  /** When the bytes being read arrived. */
  nowMs = 0;
  readonly #put: TimedPut;
  /** Of the event before in this response; 0: there is none. */
  #revision = 0;

  constructor(connections: readonly RawConnection[], { watchers, putsPerSecond }: WatchTask, put: TimedPut) {
    this.sampling = Math.ceil((watchers * putsPerSecond) / LOOKED_INTO_PER_SECOND);
    this.#put = put;
    const request = encodeRequest(WATCH, {
      create_request: { key: Buffer.from(PREFIX), range_end: rangeEnd() },
    });
    const streams = connections.slice(0, watchers).map((connection) => new WatchStream(this, connection));
    for (let watcher = 0; watcher < watchers; watcher++) streams[watcher % streams.length]!.send(request);
    for (const connection of connections) connection.flush();
  }

  clear(): void {
    this.delivered = 0;
    this.latencies.clear();
  }

  watcherCreated(): void {
    this.created++;
  }

  canceled(): void {
    this.fail('a watcher was cancelled');
  }

  arrived(events: number): void {
    this.delivered += events;
    this.#revision = 0;
  }

  /** All watch all that is written, so that revisions follow one another. */
  event(bytes: Buffer, put: WatchedPut): void {
    const isNext = this.#revision === 0 || put.revision === this.#revision + 1;
    this.#revision = put.revision;
    if (!isNext) this.fail('an event is missing within a response');
    if (!this.#put.isPut(bytes, put)) this.fail('an event is not what was put');
    this.latencies.record(this.nowMs - bytes.readDoubleLE(put.value.start));
  }

  fail(what: string): void {
    this.failures[what] = (this.failures[what] ?? 0) + 1;
  }
}

class WatchStream extends RawStream {
  readonly #fanOut: FanOut;
  readonly #connection: RawConnection;
  readonly #parser: MessageParser;
  #isOpen = false;

  constructor(fanOut: FanOut, connection: RawConnection) {
    super();
    this.#fanOut = fanOut;
    this.#connection = connection;
    const reader = new WatchResponseReader(fanOut, fanOut.sampling);
    this.#parser = new MessageParser((bytes, start, end) => reader.read(bytes, start, end));
  }

  send(request: Buffer): void {
    const connection = this.#connection;
    const { length } = request;
    const at = this.#isOpen
      ? connection.append(length, this, false)
      : connection.begin(WATCH, length, this, false);
    if (at < 0) throw new Error('Cannot send a watch request: the window is closed');
    this.#isOpen = true;
    request.copy(connection.out, at);
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.#fanOut.nowMs = this.#connection.nowMs;
    this.#parser.data(bytes, start, end);
  }

  ended(status: number, message: string | undefined): void {
    this.#fanOut.fail(`a watch stream ended with status ${status} ${message ?? ''}`);
  }
}

/** A put whose value starts with the time at which it is sent, and with its number. */
class TimedPut implements Shape {
  readonly path = '/etcdserverpb.KV/Put';
  readonly readsAnswer = false;
  readonly #template: Template;
  readonly #valueBytes: number;
  /** Of each put: the number of its key, and where its value was taken from. */
  readonly #keys: number[] = [];
  readonly #places: number[] = [];

  constructor(valueBytes: number) {
    const value = markedValue(valueBytes);
    this.#valueBytes = valueBytes;
    this.#template = new Template(this.path, { key: Buffer.from(PREFIX + KEY_DIGITS), value }, value);
  }

  keyOf(_client: number, turn: number): number {
    return turn % KEYS;
  }

  bytes(): number {
    return this.#template.bytes.length;
  }

  write(target: Buffer, at: number, key: number): void {
    const place = this.#template.write(target, at, key);
    const value = at + this.#template.valueAt;
    target.writeDoubleLE(performance.now(), value);
    target.writeDoubleLE(this.#keys.length, value + NUMBER_AT);
    this.#keys.push(key);
    this.#places.push(place);
  }

  isRight(_key: number, _body: Buffer, bodyBytes: number): boolean {
    return bodyBytes > 0;
  }

  /** Whether this is the key and the value of one of the puts. */
  isPut(bytes: Buffer, { key, value }: WatchedPut): boolean {
    if (value.end - value.start !== this.#valueBytes) return false;
    const put = bytes.readDoubleLE(value.start + NUMBER_AT);
    const place = this.#places[put];
    if (place === undefined) return false;
    const name = `${PREFIX}${String(this.#keys[put]).padStart(KEY_DIGITS.length, '0')}`;
    return (
      bytes.toString('latin1', key.start, key.end) === name &&
      isOfPool(bytes.subarray(value.start + TEXT_AT, value.end), place + TEXT_AT)
    );
  }
}

function rangeEnd(): Buffer {
  const end = Buffer.from(PREFIX);
  end[end.length - 1]! += 1;
  return end;
}

/**
 * Waits for all events, at most so long. True when some were still coming in then: late, and not lost. A server that
 * sends nothing for a time although it owes events has lost them.
 */
async function drained(fanOut: FanOut, expected: number, ms: number): Promise<boolean> {
  const endMs = performance.now() + ms;
  for (;;) {
    const before = fanOut.delivered;
    await until(() => fanOut.delivered > before || before >= expected, SILENCE_MS);
    if (fanOut.delivered === before || before >= expected) return false;
    if (performance.now() > endMs) return true;
  }
}

/** Waits for it, at most so long. */
async function until(isSo: () => boolean, ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (!isSo() && performance.now() < endMs) await rest(TICK_MS);
}
