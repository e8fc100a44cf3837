import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';

/** What the client takes from the process it lives in: it owns no clock, no timers and no source of chance. */
export interface TikvEnvironment {
  /** @default the monotonic clock of Node */
  readonly clock: Clock;
  /** @default the timers of Node, which keep the process alive until the client is closed */
  readonly scheduler: Scheduler;
  /** For waits that are drawn, so that many clients do not come back together. @default Node's */
  readonly random: Random;
  /** @default says nothing */
  readonly logger: Logger;
}
