/**
 * What etcd promises about watches (website, learning/api_guarantees), and three properties of single events that its
 * robustness tests check: one function each, over decoded responses and the full history. Each returns the violations
 * found, as sentences. They know nothing of the server, so that unit tests, the simulator and end-to-end tests share them.
 *
 * Keys and values are latin1 strings: they compare as bytes do.
 */

export interface WatchKeyValue {
  key: string;
  value: string;
  createRevision: number;
  modRevision: number;
  version: number;
  lease: bigint;
}

export interface WatchEvent {
  type: 'put' | 'delete';
  /** Of a delete only key and modRevision are set. */
  kv: WatchKeyValue;
  prevKv: WatchKeyValue | undefined;
}

export interface WatchResponse {
  /** Of the header. */
  revision: number;
  watchId: number;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
  events: WatchEvent[];
}

/**
 * One change, in the order of (revision, sub-revision). A revision can put and delete the same key. `previous` is the key
 * as it was one revision before; undefined when it was absent.
 */
export interface HistoryEvent {
  type: 'put' | 'delete';
  kv: WatchKeyValue;
  previous: WatchKeyValue | undefined;
}

/** What a watcher asked for. */
export interface WatchSpec {
  key: string;
  /** Exclusive; '' for a single key, '\0' for no end. */
  rangeEnd: string;
  /** The first revision that it wants: as asked for, or one above the header's of its `created` answer. */
  startRevision: number;
  prevKv: boolean;
  noPut: boolean;
  noDelete: boolean;
}

/** The responses that concern one watcher, after `created`, in the order received: its own, and progress for id -1. */
export interface WatchRecord {
  spec: WatchSpec;
  responses: WatchResponse[];
}

export function isWanted(spec: WatchSpec, event: HistoryEvent | WatchEvent): boolean {
  const { key, modRevision } = event.kv;
  if (modRevision < spec.startRevision) return false;
  if (spec.noPut && event.type === 'put') return false;
  if (spec.noDelete && event.type === 'delete') return false;
  if (spec.rangeEnd === '') return key === spec.key;
  return key >= spec.key && (spec.rangeEnd === '\0' || key < spec.rangeEnd);
}

function eventsOf(record: WatchRecord): WatchEvent[] {
  return record.responses.flatMap((response) => response.events);
}

function name(event: HistoryEvent | WatchEvent): string {
  return `${event.type} of ${JSON.stringify(event.kv.key)} at ${event.kv.modRevision}`;
}

/** A transaction changes a key at most once in each way. */
function identity(event: HistoryEvent | WatchEvent): string {
  return `${event.kv.modRevision}:${event.type}:${event.kv.key}`;
}

function isSame(a: WatchKeyValue, b: WatchKeyValue): boolean {
  return (
    a.key === b.key &&
    a.value === b.value &&
    a.createRevision === b.createRevision &&
    a.modRevision === b.modRevision &&
    a.version === b.version &&
    a.lease === b.lease
  );
}

/** A progress notification, as the Go client tells it. */
export function isProgress(response: WatchResponse): boolean {
  const { events, canceled, created, compactRevision, revision } = response;
  return events.length === 0 && !canceled && !created && compactRevision === 0 && revision !== 0;
}

/** Ordered: events come in the order of revisions. */
export function validateOrdered(record: WatchRecord): string[] {
  const violations: string[] = [];
  let last = 0;
  for (const event of eventsOf(record)) {
    if (event.kv.modRevision < last) violations.push(`not ordered: ${name(event)} after revision ${last}`);
    last = event.kv.modRevision;
  }
  return violations;
}

/** Unique: no event comes twice. */
export function validateUnique(record: WatchRecord): string[] {
  const seen = new Set<string>();
  const violations: string[] = [];
  for (const event of eventsOf(record)) {
    const id = identity(event);
    if (seen.has(id)) violations.push(`not unique: ${name(event)}`);
    seen.add(id);
  }
  return violations;
}

/** Reliable: between the first and the last event received, none is left out; and each one happened, as it is told. */
export function validateReliable(record: WatchRecord, history: readonly HistoryEvent[]): string[] {
  const received = eventsOf(record);
  const first = received[0]?.kv.modRevision ?? Infinity;
  const last = received.at(-1)?.kv.modRevision ?? 0;
  const expected = history.filter(
    (event) => isWanted(record.spec, event) && event.kv.modRevision >= first && event.kv.modRevision <= last,
  );
  const violations: string[] = [];
  for (let i = 0; i < Math.max(received.length, expected.length); i++) {
    const got = received[i];
    const wanted = expected[i];
    if (got !== undefined && wanted !== undefined && got.type === wanted.type && isSame(got.kv, wanted.kv))
      continue;
    violations.push(
      `not reliable: expected ${wanted === undefined ? 'nothing' : name(wanted)}, got ${got === undefined ? 'nothing' : name(got)}`,
    );
    return violations;
  }
  return violations;
}

/** Atomic: the events of a revision come in one response. Fragments must have been put together before. */
export function validateAtomic(record: WatchRecord): string[] {
  const seen = new Set<number>();
  const violations: string[] = [];
  for (const response of record.responses) {
    const revisions = new Set(response.events.map((event) => event.kv.modRevision));
    for (const revision of revisions) {
      if (seen.has(revision)) violations.push(`not atomic: revision ${revision} in two responses`);
      seen.add(revision);
    }
  }
  return violations;
}

/** Resumable: the first event received is the first that happened from the start revision on. */
export function validateResumable(record: WatchRecord, history: readonly HistoryEvent[]): string[] {
  const [received] = eventsOf(record);
  if (received === undefined) return [];
  const wanted = history.find((event) => isWanted(record.spec, event));
  if (wanted?.kv.modRevision === received.kv.modRevision && wanted.kv.key === received.kv.key) return [];
  return [
    `not resumable: starts with ${name(received)} instead of ${wanted === undefined ? 'nothing' : name(wanted)}`,
  ];
}

/**
 * Bookmarkable: after a response whose header has revision R, no event of a revision <= R follows, and all of them have
 * come. Holds for every response but compaction answers (whose header has revision 0), not for progress only.
 */
export function validateBookmarkable(record: WatchRecord, history: readonly HistoryEvent[]): string[] {
  const violations: string[] = [];
  const wanted = history.filter((event) => isWanted(record.spec, event));
  let bookmark = 0;
  let received = 0;
  for (const response of record.responses) {
    for (const event of response.events) {
      if (event.kv.modRevision <= bookmark) {
        violations.push(`not bookmarkable: ${name(event)} after a header revision of ${bookmark}`);
      }
      received++;
    }
    if (response.canceled) continue;
    bookmark = Math.max(bookmark, response.revision);
    const missing = wanted[received];
    if (missing !== undefined && missing.kv.modRevision <= response.revision) {
      violations.push(`not bookmarkable: header revision ${response.revision} before ${name(missing)}`);
    }
  }
  return violations;
}

/** Only events come that were asked for. */
export function validateFilter(record: WatchRecord): string[] {
  return eventsOf(record)
    .filter((event) => !isWanted(record.spec, event))
    .map((event) => `not asked for: ${name(event)}`);
}

/**
 * `prev_kv` is the key-value as it was before the event; absent when not asked for and on creates. It may be absent when
 * the revision before the event's was compacted: `compacted` is the highest compaction so far.
 */
export function validatePrevKv(
  record: WatchRecord,
  history: readonly HistoryEvent[],
  compacted: number,
): string[] {
  const previous = new Map(history.map((event) => [identity(event), event.previous]));
  const violations: string[] = [];
  for (const event of eventsOf(record)) {
    const isCreate = event.type === 'put' && event.kv.createRevision === event.kv.modRevision;
    const expected = record.spec.prevKv && !isCreate ? previous.get(identity(event)) : undefined;
    const { prevKv } = event;
    if (prevKv === undefined && (expected === undefined || event.kv.modRevision <= compacted)) continue;
    if (prevKv !== undefined && expected !== undefined && isSame(prevKv, expected)) continue;
    violations.push(
      `wrong prev_kv: ${name(event)} has ${prevKv === undefined ? 'none' : prevKv.modRevision}`,
    );
  }
  return violations;
}

/** A put event shows its key's creation (create revision = mod revision, version 1) exactly if it created it. */
export function validateIsCreate(record: WatchRecord, history: readonly HistoryEvent[]): string[] {
  const created = new Set<string>();
  const present = new Set<string>();
  for (const event of history) {
    const { key } = event.kv;
    if (event.type === 'put' && !present.has(key)) created.add(identity(event));
    if (event.type === 'put') present.add(key);
    else present.delete(key);
  }
  return eventsOf(record)
    .filter((event) => event.type === 'put')
    .filter((event) => {
      const { createRevision, modRevision, version } = event.kv;
      const isCreate = createRevision === modRevision;
      return isCreate !== created.has(identity(event)) || isCreate !== (version === 1);
    })
    .map((event) => `wrong create revision: ${name(event)}`);
}

/** Everything wanted up to `revision` has come. Not a promise at any moment, but once a watcher has had time. */
export function validateComplete(
  record: WatchRecord,
  history: readonly HistoryEvent[],
  revision: number,
): string[] {
  const expected = history.filter(
    (event) => isWanted(record.spec, event) && event.kv.modRevision <= revision,
  );
  const received = eventsOf(record).filter((event) => event.kv.modRevision <= revision).length;
  return received >= expected.length ? [] : [`incomplete: ${received} of ${expected.length} events`];
}

/** All of the above that hold at any moment. */
export function validateWatch(
  record: WatchRecord,
  history: readonly HistoryEvent[],
  compacted: number,
): string[] {
  return [
    ...validateOrdered(record),
    ...validateUnique(record),
    ...validateReliable(record, history),
    ...validateAtomic(record),
    ...validateResumable(record, history),
    ...validateBookmarkable(record, history),
    ...validateFilter(record),
    ...validatePrevKv(record, history, compacted),
    ...validateIsCreate(record, history),
  ];
}

/**
 * Puts fragmented responses of one stream together, as clients do. Throws when another response comes between the
 * fragments of one. A last response whose other fragments have not come yet is left out.
 */
export function joinFragments(responses: readonly WatchResponse[]): WatchResponse[] {
  const joined: WatchResponse[] = [];
  let open: WatchResponse | undefined;
  for (const response of responses) {
    if (open === undefined) {
      open = { ...response, events: [...response.events] };
    } else {
      const isPart = response.watchId === open.watchId && response.revision === open.revision;
      if (!isPart || response.events.length === 0) throw new Error('a response between two fragments');
      open.events.push(...response.events);
    }
    if (response.fragment) continue;
    joined.push({ ...open, fragment: false });
    open = undefined;
  }
  return joined;
}

/** A watcher's life as its client saw it. */
export interface WatchLife extends WatchRecord {
  watchId: number;
  /** As it was sent: 0 for from now on. */
  startSent: number;
  /** The response that ended it, if one did. */
  end: WatchResponse | undefined;
}

/**
 * Takes the responses of one stream apart. `specs` are the creates in the order sent, with the start revision as sent.
 * Throws on a response that belongs to no watcher.
 */
export function splitStream(responses: readonly WatchResponse[], specs: readonly WatchSpec[]): WatchLife[] {
  const lives: WatchLife[] = [];
  const open = new Map<number, WatchLife>();
  let created = 0;
  for (const response of joinFragments(responses)) {
    if (response.created) {
      const spec = specs[created++];
      if (spec === undefined) throw new Error('more created answers than creates');
      if (response.canceled) continue;
      if (open.has(response.watchId)) throw new Error(`watch id ${response.watchId} is given twice`);
      const startRevision = spec.startRevision === 0 ? response.revision + 1 : spec.startRevision;
      const life: WatchLife = {
        watchId: response.watchId,
        startSent: spec.startRevision,
        spec: { ...spec, startRevision },
        responses: [],
        end: undefined,
      };
      open.set(response.watchId, life);
      lives.push(life);
    } else if (response.watchId === -1 && isProgress(response)) {
      for (const life of open.values()) if (life.end === undefined) life.responses.push(response);
    } else {
      const life = open.get(response.watchId);
      if (life === undefined)
        throw new Error(`a response for watch id ${response.watchId}, which nobody has`);
      if (life.end !== undefined && !response.canceled)
        throw new Error('a response after the end of a watch');
      life.responses.push(response);
      if (!response.canceled) continue;
      life.end ??= response;
      // The id of a compacted watcher stays taken until it is cancelled.
      if (response.compactRevision === 0) open.delete(response.watchId);
    }
  }
  return lives;
}
