import type { Clock, Scheduler } from '../../base/index.ts';
import type { Http2Handler } from './handler.ts';
import type { Http2Limits } from './limits.ts';

/** What all connections of a server share. */
export interface Http2EnvironmentOptions {
  readonly handler: Http2Handler;
  readonly limits: Http2Limits;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** A handler or receiver threw, or the connection itself has a bug. `peer` is for the log. */
  readonly onFault: (error: unknown, peer: string) => void;
  /** A connection was closed because its client broke a rule or a limit; for logs and metrics. */
  readonly onViolation: (code: number, message: string, peer: string) => void;
}
