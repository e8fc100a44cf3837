import { totalmem } from 'node:os';

/** Half of the smaller of the machine's memory and what the control group allows. */
export function defaultQuotaBytes(): number {
  const constrained = process.constrainedMemory();
  // 0, undefined or a number beyond all memory: no limit is set.
  const limit = constrained !== undefined && constrained > 0 ? constrained : Infinity;
  return Math.floor(Math.min(totalmem(), limit) / 2);
}
