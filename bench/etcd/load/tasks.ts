import type { RawTls } from '../../../test/support/raw/raw-connection.ts';
import type { LoopResult } from './closed-loop.ts';
import type { ShapeName } from './shapes.ts';

/** What the generator is asked to do, one task after the other. */
export interface Tasks {
  /** Makes the connections that the following tasks use, in place of those before. */
  connect(to: { target: string; serverPid: number; tls?: RawTls; connections: number }): void;
  /** Runs a closed loop. */
  calls(run: CallsTask): LoopResult;
  /** Puts `keys` keys of `prefix`, several in a transaction, and gives how many revisions that made. */
  fill(keys: FillTask): { revisions: number };
  /** The current revision. */
  revision(nothing: object): number;
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
