import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MachineStalls, stalledWithin } from '../support/machine-stalls.ts';
import { temporaryDirectory } from '../support/process.ts';
import { monotonicMs } from '../support/monotonic.ts';

it('counts what several witnesses saw at the same time once, and only the part inside', () => {
  const spans = [
    { fromMs: 40, toMs: 60 },
    { fromMs: 10, toMs: 30 },
    { fromMs: 20, toMs: 35 },
    { fromMs: 22, toMs: 24 },
  ];
  expect(stalledWithin(spans, { fromMs: 0, toMs: 100 })).toBe(45);
  expect(stalledWithin(spans, { fromMs: 15, toMs: 50 })).toBe(30);
  expect(stalledWithin(spans, { fromMs: 60, toMs: 70 })).toBe(0);
  expect(stalledWithin(spans, { fromMs: 35, toMs: 40 })).toBe(0);
});

it('sees that its witnesses stood still, and when', async () => {
  const stalls = await MachineStalls.start(temporaryDirectory('stalls'));
  const fromMs = monotonicMs();
  for (const pid of stalls.pids) process.kill(pid, 'SIGSTOP');
  await sleep(300);
  const toMs = monotonicMs();
  for (const pid of stalls.pids) process.kill(pid, 'SIGCONT');
  await sleep(100);
  await stalls.stop();
  expect(stalls.within({ fromMs, toMs })).toBeGreaterThan(200);
  expect(stalls.within({ fromMs, toMs })).toBeLessThanOrEqual(toMs - fromMs);
  expect(stalls.mostWithin(150)).toBeGreaterThan(149);
});

it('plays again what failed while it stood still', async () => {
  const stalls = await MachineStalls.start();
  const played: string[] = [];
  /** In all of these the witnesses stand still. */
  const plays = (outcomes: string[]) => ({
    play: async (): Promise<string> => {
      for (const pid of stalls.pids) process.kill(pid, 'SIGSTOP');
      await sleep(300);
      for (const pid of stalls.pids) process.kill(pid, 'SIGCONT');
      await sleep(100);
      return outcomes.shift()!;
    },
    isFine: (outcome: string) => outcome === 'fine',
    again: (outcome: string) => played.push(outcome),
  });
  expect(await stalls.patiently(plays(['failed', 'failed again', 'fine']))).toBe('fine');
  expect(played).toEqual(['failed', 'failed again']);
  expect(await stalls.patiently({ ...plays(['failed', 'failed', 'fine']), playsMax: 2 })).toBe('failed');
  await stalls.stop();
});
