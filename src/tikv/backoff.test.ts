import { describe, expect, test } from 'vitest';
import { SeededRandom, silentLogger } from '../base/index.ts';
import { VirtualTime } from '../../test/support/tikv/virtual-time.ts';
import { Backoff, type BackoffKind } from './backoff.ts';
import { TikvError } from './errors.ts';

function open(budgetMs: number, signal?: AbortSignal) {
  const time = new VirtualTime();
  const environment = { clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger };
  return { time, backoff: new Backoff(environment, budgetMs, signal) };
}

const cause = new Error('the store is busy');

async function waits(kind: BackoffKind, count: number): Promise<number[]> {
  const { time, backoff } = open(1e9);
  const all: number[] = [];
  for (let i = 0; i < count; i++) {
    const beforeMs = time.nowMs();
    await time.run(backoff.wait(kind, cause));
    all.push(time.nowMs() - beforeMs);
  }
  return all;
}

describe('Backoff', () => {
  test('doubles each wait up to the cap of its kind', async () => {
    expect(await waits('region-miss', 10)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 500, 500]);
  });

  test('leaves half of a wait to chance where many clients wait for one server', async () => {
    const all = await waits('rpc', 7);
    for (const [i, ms] of all.entries()) {
      const fullMs = Math.min(2000, 100 * 2 ** i);
      expect(ms).toBeGreaterThanOrEqual(fullMs / 2);
      expect(ms).toBeLessThanOrEqual(fullMs);
    }
    expect(all.some((ms, i) => ms !== Math.min(2000, 100 * 2 ** i) / 2)).toBe(true);
  });

  test('kinds have steps of their own', async () => {
    const { time, backoff } = open(1e9);
    await time.run(backoff.wait('region-miss', cause));
    await time.run(backoff.wait('region-miss', cause));
    const beforeMs = time.nowMs();
    await time.run(backoff.wait('max-ts', cause));
    expect(time.nowMs() - beforeMs).toBe(2);
  });

  test('begins at the first step again once a region has answered, but for locks', async () => {
    const { time, backoff } = open(1e9);
    const waited = async (kind: BackoffKind): Promise<number> => {
      const beforeMs = time.nowMs();
      await time.run(backoff.wait(kind, cause));
      return time.nowMs() - beforeMs;
    };
    for (let i = 0; i < 5; i++) await waited('region-miss');
    for (let i = 0; i < 3; i++) await waited('txn-not-found');
    backoff.recovered();
    expect(await waited('region-miss')).toBe(2);
    expect(await waited('txn-not-found')).toBe(16);
  });

  test('waits at most as long as the caller says', async () => {
    const { time, backoff } = open(1e9);
    const beforeMs = time.nowMs();
    await time.run(backoff.wait('is-witness', cause, 7));
    expect(time.nowMs() - beforeMs).toBe(7);
  });

  test('rejects as unavailable, with the cause, when the budget is used up, and not later', async () => {
    const { time, backoff } = open(1000);
    const startMs = time.nowMs();
    let attempts = 0;
    const all = (async () => {
      for (;;) {
        await backoff.wait('disk-full', cause);
        expect(backoff.leftMs).toBeGreaterThan(0);
        attempts += 1;
      }
    })();
    await expect(time.run(all)).rejects.toMatchObject({ code: 'unavailable', retryable: true, cause });
    expect(attempts).toBeGreaterThan(1);
    expect(time.nowMs() - startMs).toBeLessThanOrEqual(1000);
    expect(time.nowMs() - startMs).toBeGreaterThan(990);
  });

  test('time that passes elsewhere counts', async () => {
    const { time, backoff } = open(100);
    await time.advance(100);
    expect(backoff.leftMs).toBe(0);
    expect(() => backoff.check(cause)).toThrow(TikvError);
    await expect(backoff.wait('rpc', cause)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('the signal ends a wait at once, and leaves no timer', async () => {
    const abort = new AbortController();
    const { time, backoff } = open(1e6, abort.signal);
    const waiting = backoff.wait('is-witness', cause);
    expect(time.timerCount).toBe(1);
    abort.abort(new Error('changed my mind'));
    await expect(waiting).rejects.toMatchObject({ code: 'aborted', cause: abort.signal.reason });
    expect(time.timerCount).toBe(0);
    await expect(backoff.wait('rpc', cause)).rejects.toMatchObject({ code: 'aborted' });
  });

  test('a fork starts with short steps and has no more time than its parent', async () => {
    const { time, backoff } = open(1000);
    await time.run(backoff.wait('region-miss', cause));
    const fork = backoff.fork(1e9);
    expect(fork.leftMs).toBe(backoff.leftMs);
    expect(backoff.fork(10).leftMs).toBe(10);
    const beforeMs = time.nowMs();
    await time.run(fork.wait('region-miss', cause));
    expect(time.nowMs() - beforeMs).toBe(2);
  });
});
