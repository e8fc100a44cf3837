/** What the load of test/cluster/go-load saw, as its lines tell it. Times are milliseconds of CLOCK_MONOTONIC. */

/** An event of a watch, or a key of a range. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly value: string;
  readonly deleted: boolean;
}

interface Call {
  /** Its number; -1 for a client that knows all. */
  readonly endpoint: number;
  readonly startMs: number;
  readonly endMs: number;
  /** Why it failed; then it may have had an effect. */
  readonly error?: string;
  /** Of the header; 0 if it failed. */
  readonly revision: number;
}

export interface Put extends Call {
  readonly kind: 'put';
  readonly key: string;
  readonly value: string;
}

export interface Get extends Call {
  readonly kind: 'get';
  readonly key: string;
  /** Of the key; 0 when there is none. */
  readonly modified: number;
  readonly value: string;
  readonly isSerializable: boolean;
}

/** All keys at the end. */
export interface ReadAll extends Call {
  readonly kind: 'all';
  readonly keys: readonly Change[];
}

/** One response of a watch: changes, or progress when there are none, or the end of it. */
export interface Watched {
  readonly kind: 'watched' | 'watch-ended';
  readonly watcher: number;
  readonly endpoint: number;
  readonly atMs: number;
  readonly revision: number;
  readonly changes: readonly Change[];
  readonly error?: string;
}

/** What became of a lease, and of the key that is put with it. */
export interface LeaseEvent {
  readonly kind: 'grant' | 'kept' | 'lost';
  /** Who keeps it alive; -1: nobody. */
  readonly holder: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly key: string;
  readonly lease: number;
  readonly ttlSeconds: number;
  readonly error?: string;
}

export interface History {
  readonly puts: Put[];
  readonly gets: Get[];
  readonly alls: ReadAll[];
  readonly watched: Watched[];
  readonly leases: LeaseEvent[];
}

export const emptyHistory = (): History => ({ puts: [], gets: [], alls: [], watched: [], leases: [] });

/** A line of the load; see go-load/history.go. */
interface Line {
  readonly t: string;
  readonly who: number;
  readonly e: number;
  readonly s?: number;
  readonly n: number;
  readonly r?: number;
  readonly k?: string;
  readonly v?: string;
  readonly m?: number;
  readonly z?: boolean;
  readonly l?: number;
  readonly ttl?: number;
  readonly err?: string;
  readonly ch?: readonly {
    readonly r: number;
    readonly k: string;
    readonly v?: string;
    readonly d?: boolean;
  }[];
}

/** Adds what a line tells. Gives its type. */
export function addLine(history: History, text: string): string {
  const line = JSON.parse(text) as Line;
  const call = {
    endpoint: line.e,
    startMs: (line.s ?? 0) / 1e6,
    endMs: line.n / 1e6,
    revision: line.r ?? 0,
    ...(line.err === undefined ? {} : { error: line.err }),
  };
  const key = line.k ?? '';
  const value = line.v ?? '';
  switch (line.t) {
    case 'put':
      history.puts.push({ ...call, kind: 'put', key, value });
      break;
    case 'get':
      history.gets.push({
        ...call,
        ...{ kind: 'get', key, value, modified: line.m ?? 0, isSerializable: line.z ?? false },
      });
      break;
    case 'all':
      history.alls.push({ ...call, kind: 'all', keys: changesOf(line) });
      break;
    case 'watch':
    case 'watch-end':
      history.watched.push({
        kind: line.t === 'watch' ? 'watched' : 'watch-ended',
        watcher: line.who,
        endpoint: line.e,
        atMs: call.endMs,
        revision: call.revision,
        changes: changesOf(line),
        ...(line.err === undefined ? {} : { error: line.err }),
      });
      break;
    case 'grant':
    case 'kept':
    case 'lost':
      history.leases.push({
        kind: line.t,
        holder: line.who,
        startMs: call.startMs,
        endMs: call.endMs,
        key,
        lease: line.l ?? 0,
        ttlSeconds: line.ttl ?? 0,
        ...(line.err === undefined ? {} : { error: line.err }),
      });
      break;
    default:
  }
  return line.t;
}

function changesOf({ ch }: Line): Change[] {
  return (ch ?? []).map(({ r, k, v, d }) => ({ revision: r, key: k, value: v ?? '', deleted: d ?? false }));
}
