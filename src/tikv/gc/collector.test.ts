import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import { virtualEnvironment } from '../../../test/support/tikv/scripted-cluster.ts';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import { GarbageCollector } from './collector.ts';

/** A session whose rounds do as `round` says: it stands for the first call that a round makes. */
function setUp(round: (backoff: Backoff) => Promise<bigint>) {
  const time = new VirtualTime();
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => void lines.push(message) };
  const environment = { ...virtualEnvironment(time), logger };
  const beganMs: number[] = [];
  const oracle = {
    timestamp: (backoff: Backoff) => {
      beganMs.push(time.nowMs() - 1000);
      return round(backoff);
    },
  };
  const pd = { gcSafePoint: async () => 2n ** 62n };
  const readBackoff = (budgetMs: number, signal?: AbortSignal): Backoff =>
    new Backoff(environment, budgetMs, signal);
  const session = { environment, oracle, pd, readBackoff } as unknown as Session;
  const collector = new GarbageCollector(session, { lifeMs: 600_000, everyMs: 1000 });
  return { time, lines, beganMs, collector };
}

describe('the garbage collector', () => {
  test('goes round every so often, from the end of a round on, also after one that failed', async () => {
    let rounds = 0;
    const { time, lines, beganMs, collector } = setUp(async () => {
      await time.sleep(300);
      if (++rounds === 2) throw new TikvError('unavailable', 'nobody there');
      return 1n << 60n;
    });
    await time.advance(3500);
    expect(beganMs).toEqual([100, 1400, 2700]);
    expect(lines).toEqual(['Garbage could not be collected; the next round tries again']);
    await time.run(collector.stop());
  });

  test('stopped between rounds, it leaves no timer', async () => {
    const { time, beganMs, collector } = setUp(async () => 1n << 60n);
    await time.advance(500);
    await collector.stop();
    await collector.stop();
    expect(time.timerCount).toBe(0);
    expect(beganMs).toEqual([100]);
  });

  test('stopped in a round, it ends that, says nothing, and leaves no timer', async () => {
    const { time, lines, beganMs, collector } = setUp(async (backoff) => {
      for (;;) await backoff.wait('pd', new Error('no answer'));
    });
    await time.advance(500);
    await time.run(collector.stop());
    expect(time.timerCount).toBe(0);
    expect(beganMs).toEqual([100]);
    expect(lines).toEqual([]);
  });
});
