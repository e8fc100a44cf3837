import { RareLog, type Clock, type Logger } from '../base/index.ts';
import type { CommitHistograms } from './metrics.ts';

/** A commit that takes longer is worth a line: etcd's bound for its own line on a slow fdatasync. */
const slowSeconds = 1;
const quietMs = 10_000;

interface Parts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly histograms: CommitHistograms;
}

/**
 * Takes the seconds of each commit: into the metrics, and into the log where the engine was slow, because whoever looks
 * for the cause of a slow write looks there first.
 */
export function commitTimes({ clock, logger, histograms }: Parts): (seconds: number) => void {
  const rareLog = new RareLog(logger, clock, quietMs);
  return (seconds) => {
    histograms.commit.observe(seconds);
    histograms.fsync.observe(seconds);
    if (seconds > slowSeconds)
      rareLog.warn('A commit took long: writes wait for the disk, or for TiKV', {
        tookMs: Math.round(seconds * 1000),
        expectedMs: slowSeconds * 1000,
      });
  };
}
