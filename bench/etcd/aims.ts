import type { Figures } from './measurement.ts';
import type { ServerKind } from './servers.ts';

/** The figures of a row on a server, or undefined when it was not measured. */
export type Lookup = (row: string, server: ServerKind) => Figures | undefined;

/** What Engram is to reach in one row. */
export interface Aim {
  readonly row: string;
  /** `CPU >= 8x`: what is compared, and the bound that `value` is held to. */
  readonly text: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Undefined when something of it was not measured. */
  readonly value: (figures: Lookup) => number | undefined;
}

export interface Verdict {
  readonly aim: Aim;
  readonly value: number;
  readonly isWithin: boolean;
}

type Value = (figures: Figures) => number | undefined;

const cpu: Value = (one) => one.cpuMicros;
const rate: Value = (one) => one.perSecond;
const p50: Value = (one) => one.p50Ms;
const p99: Value = (one) => one.p99Ms;
const extra =
  (name: string): Value =>
  (one) =>
    one.extra[name];

/** All aims. Those that compare do so with the better of etcd 3.6 and 3.7, figure by figure. */
export const aims: readonly Aim[] = [
  ...['range-linearizable-256', 'range-serializable-256'].flatMap((row) => perCpuAndSecond(row, 8, 3)),
  ...['put-256', 'create-256', 'update-256', 'delete-256'].flatMap((row) => [
    ...perCpuAndSecond(row, 5, 3),
    below(row, 'p99', p99),
  ]),
  noWorse('put-1', 'p50', p50),
  noWorse('put-1', 'p99', p99),
  ...['tls-range-linearizable-256', 'tls-range-serializable-256'].flatMap((row) =>
    perCpuAndSecond(row, 8, 3),
  ),
  ...['tls-put-256', 'tls-create-256', 'tls-update-256', 'tls-delete-256'].flatMap((row) => [
    ...perCpuAndSecond(row, 5, 3),
    below(row, 'p99', p99),
  ]),
  ...['list-100k-1k-unary', 'list-100k-1k-stream'].flatMap((row) => [cheaper(row, 3), growth(row, 16)]),
  cheaper('list-100k-1k-pages', 6),
  cheaper('list-100k-1k-keys', 2),
  pageCost(),
  ...['list-100k-10k-unary', 'list-100k-10k-stream'].flatMap((row) => [
    higher(row, { what: 'MB/s', atLeast: 1, value: extra('megabytesPerSecond') }),
    growth(row, 64),
  ]),
  readsDuringLists(),
  below('reads-during-lists', 'p99', p99),
  bound('watch-1000x2000', { text: 'delivered in time >= 100 %', atLeast: 100 }, extra('inTimePercent')),
  cheaper('watch-1000x2000', 2),
  bound('watch-1000x2000', { text: 'p99 <= 50 ms', atMost: 50 }, p99),
  ...['watch-100x500', 'watch-100x2000'].flatMap((row) => [
    cheaper(row, 1.5),
    share(row, { text: 'p99 <= half', atMost: 0.5 }, p99),
  ]),
  cheaper('lease-keep-alive', 4),
  cheaper('lease-keep-alive-once', 4),
  below('memory', 'resident', extra('residentMiB')),
  below('memory', 'resident after a restart', extra('restartedMiB')),
  below('start', 'time', p50),
];

export function verdicts(row: string, figures: Lookup): readonly Verdict[] {
  return aims.flatMap((aim) => {
    if (aim.row !== row) return [];
    const value = aim.value(figures);
    if (value === undefined || Number.isNaN(value)) return [];
    return [
      { aim, value, isWithin: value >= (aim.atLeast ?? -Infinity) && value <= (aim.atMost ?? Infinity) },
    ];
  });
}

/** How much more Engram does in a second than the better etcd, and how much less CPU time it takes for it. */
export function ratios(row: string, figures: Lookup): { rate: number | undefined; cpu: number | undefined } {
  return { rate: times(row, figures, rate), cpu: inverse(againstLowest(row, figures, cpu)) };
}

function perCpuAndSecond(row: string, cpuTimes: number, rateTimes: number): readonly Aim[] {
  return [cheaper(row, cpuTimes), higher(row, { what: 'rate', atLeast: rateTimes, value: rate })];
}

function cheaper(row: string, atLeast: number): Aim {
  const value = (figures: Lookup): number | undefined => inverse(againstLowest(row, figures, cpu));
  return { row, text: `CPU >= ${atLeast}x`, atLeast, value };
}

function higher(row: string, { what, atLeast, value }: { what: string; atLeast: number; value: Value }): Aim {
  return { row, text: `${what} >= ${atLeast}x`, atLeast, value: (figures) => times(row, figures, value) };
}

function below(row: string, what: string, value: Value): Aim {
  // Equal is not below; a figure that is the same to the last bit was measured twice.
  return share(row, { text: `${what} below etcd's`, atMost: 1 - Number.EPSILON }, value);
}

function noWorse(row: string, what: string, value: Value): Aim {
  return share(row, { text: `${what} no worse`, atMost: 1 }, value);
}

function share(row: string, about: { text: string; atMost: number }, value: Value): Aim {
  return { row, ...about, value: (figures) => againstLowest(row, figures, value) };
}

function bound(row: string, about: { text: string; atLeast?: number; atMost?: number }, value: Value): Aim {
  return {
    row,
    ...about,
    value: (figures) => {
      const own = figures(row, 'engram');
      return own === undefined ? undefined : value(own);
    },
  };
}

function growth(row: string, mebibytes: number): Aim {
  return bound(row, { text: `growth <= ${mebibytes} MiB`, atMost: mebibytes }, extra('growthMiB'));
}

/** A page of ten times more keys costs the same, but for what the caches of a processor do. */
function pageCost(): Aim {
  const row = 'list-100k-1k-pages';
  const pageMicros = extra('callCpuMicros');
  return {
    row,
    text: 'a page costs what it costs with a tenth of the keys, +25 %',
    atMost: 1.25,
    value(figures) {
      const [many, few] = [figures(row, 'engram'), figures('list-10k-1k-pages', 'engram')];
      return many === undefined || few === undefined ? undefined : divided(pageMicros(many), pageMicros(few));
    },
  };
}

function readsDuringLists(): Aim {
  const row = 'reads-during-lists';
  const above: Value = (one) => one.p99Ms - (one.extra['idleP99Ms'] ?? NaN);
  return bound(row, { text: 'p99 <= idle + 1 ms', atMost: 1 }, above);
}

const peers: readonly ServerKind[] = ['etcd-3.7', 'etcd-3.6'];

function ofPeers(row: string, figures: Lookup, value: Value): number[] {
  return peers.flatMap((peer) => {
    const one = figures(row, peer);
    const number = one === undefined ? undefined : value(one);
    return number === undefined ? [] : [number];
  });
}

/** Engram's figure as a share of the lower one of the etcds. */
function againstLowest(row: string, figures: Lookup, value: Value): number | undefined {
  const own = figures(row, 'engram');
  const theirs = ofPeers(row, figures, value);
  return own === undefined || theirs.length === 0 ? undefined : divided(value(own), Math.min(...theirs));
}

/** Engram's figure as a multiple of the higher one of the etcds. */
function times(row: string, figures: Lookup, value: Value): number | undefined {
  const own = figures(row, 'engram');
  const theirs = ofPeers(row, figures, value);
  return own === undefined || theirs.length === 0 ? undefined : divided(value(own), Math.max(...theirs));
}

function divided(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined || by === 0 ? undefined : value / by;
}

function inverse(value: number | undefined): number | undefined {
  return divided(1, value);
}
