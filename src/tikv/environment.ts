import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';

/** What the client takes from the process it lives in: it owns no clock, no timers and no source of chance. */
export interface TikvEnvironment {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}
