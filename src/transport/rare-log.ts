import type { Logger } from '../base/index.ts';
import { RareLog } from '../base/index.ts';

/** A message is logged again after this; what comes in between is counted. */
const quietMs = 10_000;

/** For what clients can cause as often as they like. */
export function rareLog(logger: Logger): RareLog {
  return new RareLog(logger, { nowMs: () => performance.now() }, quietMs);
}
