import { isDeepStrictEqual } from 'node:util';
import type { Bytes, Cancel, Clock, Scheduler } from '../../src/base/index.ts';
import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { VersionId } from '../../src/index/index.ts';
import { KeyIndex, Segments } from '../../src/index/index.ts';
import type { WatchEnd, WatchLimits, WatchSink, WatchSource, WatchStream } from '../../src/watch/index.ts';
import { WatchHub } from '../../src/watch/index.ts';
import type { WatchCreateRequest } from '../../src/wire/index.ts';
import {
  decodeKeyValue,
  encodeKeyValue,
  headerIdentity,
  keyValueSize,
  Reader,
  tombstoneSize,
  writeKeyValue,
  writeTombstone,
} from '../../src/wire/index.ts';
import type { HistoryEvent, WatchEvent, WatchKeyValue, WatchResponse } from '../validators/watch.ts';

/** Turns and timers under the test's control. */
export class ManualScheduler implements Scheduler, Clock {
  #now = 0;
  #turns: (() => void)[] = [];
  #timers: { at: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#now;
  }
  soon(run: () => void): void {
    this.#turns.push(run);
  }
  after(delayMs: number, run: () => void): Cancel {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }
  /** Runs one turn. False: there is none. */
  turn(): boolean {
    const run = this.#turns.shift();
    run?.();
    return run !== undefined;
  }
  get isBusy(): boolean {
    return this.#turns.length > 0;
  }
  get timerCount(): number {
    return this.#timers.length;
  }
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at);
      const [timer] = this.#timers;
      if (timer === undefined || timer.at > until) break;
      this.#timers.shift();
      this.#now = timer.at;
      timer.run();
    }
    this.#now = until;
  }
}

export type Change = { key: string; value: string; lease?: bigint } | { key: string; delete: true };

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const text = (run: Uint8Array): string => Buffer.from(run).toString('latin1');

function decoded(run: Uint8Array): WatchKeyValue {
  const kv = decodeKeyValue(run);
  return { ...kv, key: text(kv.key), value: text(kv.value) };
}

/** A store as watches see it: a real index, a full history beside it, values that memory forgets. */
export class WatchWorld {
  readonly scheduler = new ManualScheduler();
  readonly segments = new Segments();
  readonly index = new KeyIndex(this.segments, { random: new SeededRandom(1) });
  readonly history: HistoryEvent[] = [];
  readonly hub: WatchHub;
  revision = 1;
  compacted = 0;
  /** Reads of forgotten values that have not been answered. */
  reads: {
    revision: number;
    sub: number;
    answer: (body: Bytes | 'compacted') => void;
    fail: (e: Error) => void;
  }[] = [];
  readonly #current = new Map<string, WatchKeyValue>();
  readonly #forgotten = new Set<string>();
  readonly #bodies = new Map<string, { readonly event: HistoryEvent; readonly body: Bytes }>();
  #proposed = 1;

  constructor(
    limits: Partial<WatchLimits> = {},
    options: { clock?: Clock; progressIntervalMs?: number } = {},
  ) {
    this.hub = new WatchHub({
      source: this.#source(),
      clock: options.clock ?? this.scheduler,
      scheduler: this.scheduler,
      random: new SeededRandom(7),
      logger: silentLogger,
      limits,
      progressIntervalMs: options.progressIntervalMs ?? 600_000,
    });
  }

  #source(): WatchSource {
    const { index } = this;
    const name = (v: VersionId): string => `${index.revision(v)}/${index.sub(v)}`;
    const view: WatchSource['index'] = {
      find: (key) => index.find(key),
      at: (key, revision) => index.at(key, revision),
      revision: (v) => index.revision(v),
      sub: (v) => index.sub(v),
      isTombstone: (v) => index.isTombstone(v),
      previous: (v) => index.previous(v),
      keyOf: (v) => index.keyOf(v),
      inMemory: (v) => index.inMemory(v) && !this.#forgotten.has(name(v)),
      segment: (v) => index.segment(v),
      offset: (v) => index.offset(v),
      length: (v) => index.length(v),
      keyBytes: (key) => index.keyBytes(key),
      historySeek: (revision) => index.historySeek(revision),
      get historyStart() {
        return index.historyStart;
      },
      get historyEnd() {
        return index.historyEnd;
      },
      historyAt: (position) => index.historyAt(position),
    };
    const identity = headerIdentity(0x1122334455667788n, 0x99aabbccddeeff00n);
    return {
      index: view,
      arena: this.segments,
      history: {
        body: (revision, sub) =>
          new Promise((answer, fail) => {
            this.reads.push({ revision, sub, answer, fail });
          }),
      },
      revision: () => this.revision,
      compacted: () => this.compacted,
      header: (revision) => ({ identity, revision, raftTerm: 3 }),
    };
  }

  /** Proposes one revision; not visible before `commit`. Deletes of absent keys are left out. */
  propose(changes: readonly Change[]): void {
    const revision = this.#proposed + 1;
    let sub = 0;
    const before = new Map(changes.map(({ key }) => [key, this.#current.get(key)]));
    for (const change of changes) {
      const previous = this.#current.get(change.key);
      const isDelete = 'delete' in change;
      if (isDelete && previous === undefined) continue;
      const kv: WatchKeyValue = isDelete
        ? { key: change.key, value: '', createRevision: 0, modRevision: revision, version: 0, lease: 0n }
        : {
            key: change.key,
            value: change.value,
            createRevision: previous?.createRevision ?? revision,
            modRevision: revision,
            version: (previous?.version ?? 0) + 1,
            lease: change.lease ?? 0n,
          };
      const event: HistoryEvent = { type: isDelete ? 'delete' : 'put', kv, previous: before.get(change.key) };
      this.#add(event, sub++);
      this.history.push(event);
      if (isDelete) this.#current.delete(change.key);
      else this.#current.set(change.key, kv);
    }
    if (sub > 0) this.#proposed = revision;
  }

  #add(event: HistoryEvent, sub: number): void {
    const { kv } = event;
    const isDelete = event.type === 'delete';
    const key = bytes(kv.key);
    const value = bytes(kv.value);
    const { createRevision, modRevision, version, lease } = kv;
    const length = isDelete
      ? tombstoneSize(key.length, modRevision)
      : keyValueSize(key.length, createRevision, modRevision, version, value.length, lease);
    const place = this.segments.reserve(length);
    if (isDelete) writeTombstone(place.bytes, place.offset, key, modRevision);
    else writeKeyValue(place.bytes, place.offset, key, createRevision, modRevision, version, value, lease);
    this.index.add(place.segment, place.offset, length, modRevision, sub, isDelete);
    const body = place.bytes.subarray(place.offset, place.offset + length);
    this.#bodies.set(`${modRevision}/${sub}`, { event, body });
  }

  /** Takes back everything proposed, as a node does that is no longer leader. */
  abandon(): void {
    this.index.popAbove(this.revision, () => undefined);
    while ((this.history.at(-1)?.kv.modRevision ?? 0) > this.revision) {
      const event = this.history.pop();
      // Down to the first event of the revision, which restores what was there before it.
      if (event?.previous !== undefined) this.#current.set(event.kv.key, event.previous);
      else if (event !== undefined) this.#current.delete(event.kv.key);
    }
    this.#proposed = this.revision;
  }

  /** Commits everything proposed, as one group. */
  commit(): void {
    this.revision = this.#proposed;
    this.hub.committed(this.revision);
  }

  /** One revision, committed. */
  write(...changes: Change[]): void {
    this.propose(changes);
    this.commit();
  }

  put(key: string, value = `v${this.#proposed + 1}`): void {
    this.write({ key, value });
  }

  delete(key: string): void {
    this.write({ key, delete: true });
  }

  compact(revision: number): void {
    this.compacted = revision;
    this.index.compactTo(revision);
    this.hub.compacted(revision);
  }

  trim(): void {
    while (this.index.trimStep(64));
  }

  /** Memory drops every superseded value of revisions up to this one. */
  forget(revision: number): void {
    let sub = 0;
    let last = 0;
    for (const event of this.history) {
      sub = event.kv.modRevision === last ? sub + 1 : 0;
      last = event.kv.modRevision;
      const newest = this.#current.get(event.kv.key);
      if (last <= revision && newest?.modRevision !== last) this.#forgotten.add(`${last}/${sub}`);
    }
  }

  /** Answers the reads so far, and lets whoever waits for them go on. */
  async answerReads(): Promise<void> {
    for (const { revision, sub, answer } of this.reads.splice(0)) {
      const stored = this.#bodies.get(`${revision}/${sub}`);
      answer(stored === undefined || this.#isCleaned(stored.event) ? 'compacted' : stored.body);
    }
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  /**
   * Whether the log has let go of it: below the compaction, when it is a tombstone or a later version took its place up to
   * there. What a key had when it was compacted stays readable, and is the `prev_kv` of what follows.
   */
  #isCleaned({ type, kv }: HistoryEvent): boolean {
    if (kv.modRevision >= this.compacted) return false;
    const isLater = (other: WatchKeyValue): boolean =>
      other.key === kv.key && other.modRevision > kv.modRevision && other.modRevision <= this.compacted;
    return type === 'delete' || this.history.some((event) => isLater(event.kv));
  }

  /** Runs turns, and answers reads, until nothing is left to do. */
  async settle(): Promise<void> {
    for (let i = 0; i < 100_000; i++) {
      if (this.scheduler.turn()) continue;
      const hadReads = this.reads.length > 0;
      await this.answerReads();
      if (!hadReads && !this.scheduler.isBusy && this.reads.length === 0) return;
    }
    throw new Error('the hub does not come to rest');
  }

  open(): TestClient {
    return new TestClient(this);
  }
}

/** The other end of a stream. */
export class TestClient implements WatchSink {
  readonly responses: WatchResponse[] = [];
  readonly raw: Buffer[] = [];
  readonly stream: WatchStream;
  /** How many responses the transport takes before it is full. */
  room = Infinity;
  ended: { error: WatchEnd | undefined } | undefined;
  #isFull = false;
  /** The events with which it became full, and how many responses came since. */
  #fullEvents: WatchResponse['events'] = [];
  sentSinceFull = 0;

  readonly #world: WatchWorld;

  constructor(world: WatchWorld) {
    this.#world = world;
    this.stream = world.hub.open(this);
  }

  send(slices: readonly Bytes[]): boolean {
    if (this.ended !== undefined) throw new Error('sent after the end');
    const message = Buffer.concat(slices);
    this.raw.push(message);
    const response = decodeWatchResponse(message);
    this.responses.push(response);
    const highest = Math.max(response.revision, response.events.at(-1)?.kv.modRevision ?? 0);
    if (highest > this.#world.revision) throw new Error(`revision ${highest} is sent before it is committed`);
    if (this.#isFull) this.#countSinceFull(response);
    else if (--this.room <= 0) {
      this.#isFull = true;
      this.#fullEvents = response.events;
    }
    return !this.#isFull;
  }

  /** The same events: who had the first ones before gets the rest. */
  #countSinceFull({ events }: WatchResponse): void {
    this.sentSinceFull++;
    const count = Math.min(events.length, this.#fullEvents.length);
    const isSame = count > 0 && isDeepStrictEqual(events.slice(-count), this.#fullEvents.slice(-count));
    if (!isSame) throw new Error('sent to a full transport');
  }

  end(error?: WatchEnd): void {
    if (this.ended !== undefined) throw new Error('ended twice');
    this.ended = { error };
  }

  /** The transport takes so many more, at least one. */
  drain(room: number): boolean {
    this.room = room;
    this.#isFull = false;
    this.sentSinceFull = 0;
    return this.stream.drained();
  }

  create(fields: {
    key: string;
    end?: string;
    start?: number;
    id?: number;
    prevKv?: boolean;
    filters?: number[];
    fragment?: boolean;
    progress?: boolean;
  }): boolean {
    const request: WatchCreateRequest = {
      key: bytes(fields.key),
      rangeEnd: bytes(fields.end ?? ''),
      startRevision: fields.start ?? 0,
      progressNotify: fields.progress ?? false,
      filters: fields.filters ?? [],
      prevKv: fields.prevKv ?? false,
      watchId: fields.id ?? 0,
      fragment: fields.fragment ?? false,
    };
    return this.stream.receive({ kind: 'create', request });
  }

  cancel(watchId: number): boolean {
    return this.stream.receive({ kind: 'cancel', watchId });
  }

  progress(): boolean {
    return this.stream.receive({ kind: 'progress' });
  }

  /** The responses since the last call. */
  take(): WatchResponse[] {
    return this.responses.splice(0);
  }
}

function readEvent(reader: Reader): WatchEvent {
  const event: WatchEvent = {
    type: 'put',
    kv: decoded(encodeKeyValue({ ...NOTHING })),
    prevKv: undefined,
  };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === 0x08) event.type = reader.enumeration() === 1 ? 'delete' : 'put';
    else if (tag === 0x12) event.kv = decoded(reader.view());
    else if (tag === 0x1a) event.prevKv = decoded(reader.view());
    else throw new Error(`unexpected tag ${tag} in an event`);
  }
  return event;
}

const NOTHING = {
  key: Buffer.alloc(0),
  value: Buffer.alloc(0),
  createRevision: 0,
  modRevision: 0,
  version: 0,
  lease: 0n,
};

function readHeaderRevision(reader: Reader): number {
  let revision = 0;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === 0x18) revision = reader.int64();
    else reader.bigInt64();
  }
  return revision;
}

/** Decodes `etcdserverpb.WatchResponse`, strictly: every field must be known. */
export function decodeWatchResponse(message: Uint8Array): WatchResponse {
  const reader = new Reader(message);
  const response: WatchResponse = {
    revision: 0,
    watchId: 0,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: '',
    fragment: false,
    events: [],
  };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag === 0x10) response.watchId = reader.int64();
    else if (tag === 0x18) response.created = reader.bool();
    else if (tag === 0x20) response.canceled = reader.bool();
    else if (tag === 0x28) response.compactRevision = reader.int64();
    else if (tag === 0x32) response.cancelReason = Buffer.from(reader.view()).toString();
    else if (tag === 0x38) response.fragment = reader.bool();
    else if (tag === 0x0a || tag === 0x5a) {
      const end = reader.enter();
      if (tag === 0x0a) response.revision = readHeaderRevision(reader);
      else response.events.push(readEvent(reader));
      reader.leave(end);
    } else throw new Error(`unexpected tag ${tag} in a response`);
  }
  return response;
}
