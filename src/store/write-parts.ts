import type { LogWriter } from '../log/index.ts';
import type { StoreLimits } from './limits.ts';
import type { StoreOptions } from './options.ts';
import type { Pins } from './pins.ts';
import type { Quota } from './quota.ts';
import type { ReadParts } from './view.ts';

/** What evaluating a write works with. */
export interface WriteParts extends ReadParts {
  readonly writer: LogWriter;
  readonly limits: StoreLimits;
  readonly pins: Pins;
  readonly quota: Quota;
  /** See `StoreOptions`. */
  readonly confirm: StoreOptions['confirm'];
  /** Runs in a later turn: answers of the write path never come before the call that asked has returned. */
  readonly later: (run: () => void) => void;
}
