import type { RawTls } from '../../../test/support/raw/raw-connection.ts';
import type { LatencySummary } from './latencies.ts';
import type { ShapeName } from './shapes.ts';

/** What the generator is asked to do, one task after the other, on the connections of the last `connect`. */
export interface Tasks {
  /** Makes connections in place of those before. */
  connect(to: { target: string; serverPid: number; tls?: RawTls; connections: number }): void;
  /** Runs a closed loop. */
  calls(run: CallsTask): LoopResult;
  /** Sends point reads at a fixed rate. */
  readsAtRate(run: RateTask): LoopResult;
  /** Lists a prefix again and again, on one connection. */
  lists(run: ListTask): ListResult;
  /** Watches on all connections but one, puts on that. */
  watches(run: WatchTask): WatchResult;
  grantLeases(leases: GrantTask): void;
  /** One stream on each connection. */
  keepAlives(run: KeepAliveTask): LoopResult;
  /** Puts `keys` keys of `prefix`, several in a transaction, and gives how many revisions that made. */
  fill(keys: FillTask): { revisions: number };
  /** The current revision. */
  revision(nothing: object): number;
}

/** What a run measured. */
export interface LoopResult extends LatencySummary {
  /** Those that ended OK and as expected within the measured time. */
  readonly operations: number;
  readonly elapsedMs: number;
  readonly serverCpuMicros: number;
  readonly generatorCpuMicros: number;
  /** Calls that did not end OK or not as expected, all through the run, by what they ended with. */
  readonly failures: Readonly<Record<string, number>>;
  /** Calls that ended OK, all through the run. */
  readonly succeeded: number;
}

export interface CallsTask {
  readonly shape: ShapeName;
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly prefix: string;
  readonly warmMs: number;
  readonly measureMs: number;
}

export interface RateTask {
  readonly prefix: string;
  readonly keys: number;
  readonly valueBytes: number;
  readonly perSecond: number;
  readonly warmMs: number;
  readonly measureMs: number;
}

/** All at once, by pages of 500, without values, or by RangeStream. */
export type ListMode = 'unary' | 'pages' | 'keys' | 'stream';

export interface ListTask {
  readonly mode: ListMode;
  readonly prefix: string;
  readonly keys: number;
  readonly valueBytes: number;
  /** Lists before those that are measured. */
  readonly warmLists: number;
  readonly listsMin: number;
  readonly measureMs: number;
}

export interface ListResult extends Omit<LoopResult, 'succeeded'> {
  /** Of all lists' bodies. */
  readonly bytes: number;
  /** Calls of all lists. */
  readonly pages: number;
}

export interface WatchTask {
  readonly watchers: number;
  readonly putsPerSecond: number;
  readonly valueBytes: number;
  readonly warmMs: number;
  readonly measureMs: number;
  /** How long to wait for events that are late. */
  readonly drainMs: number;
}

/** `operations` are the events that came while the puts were sent. */
export interface WatchResult extends Omit<LoopResult, 'succeeded'> {
  readonly puts: number;
  /** Events with those that came late, and what they should be. */
  readonly delivered: number;
  readonly expected: number;
  /** How long the late ones took. */
  readonly drainedMs: number;
}

export interface GrantTask {
  readonly leases: number;
}

export interface KeepAliveTask {
  readonly leases: number;
  /** Under way on each stream. */
  readonly perStream: number;
  readonly warmMs: number;
  readonly measureMs: number;
}

export interface FillTask {
  readonly prefix: string;
  readonly keys: number;
  readonly valueBytes: number;
}

export type TaskName = keyof Tasks;
export type TaskInput<N extends TaskName> = Parameters<Tasks[N]>[0];
export type TaskOutput<N extends TaskName> = ReturnType<Tasks[N]>;

/** Messages between the benchmark and its generator. */
export interface TaskMessage {
  readonly name: TaskName;
  readonly input: unknown;
}
export type TaskAnswer = { readonly output: unknown } | { readonly error: string };
