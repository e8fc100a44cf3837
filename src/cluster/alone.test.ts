/** Goal: the only node of an engine always has the lead, with an epoch of its own each time. Method: timers run by hand. */
import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { Alone } from './alone.ts';

function world(epochInLog = 4) {
  const time = new ManualTime();
  const claimed: number[] = [];
  const log = { epoch: epochInLog };
  const claim = new Alone({
    scheduler: time,
    epochInLog: () => log.epoch,
    claimed: (epoch) => {
      log.epoch = epoch;
      claimed.push(epoch);
    },
  });
  return { time, claimed, claim };
}

it('the lead is granted in the next turn, above all epochs of the log', () => {
  const { time, claimed, claim } = world();
  claim.start();
  expect([claimed, claim.holds(), claim.epoch]).toEqual([[], false, undefined]);
  time.turn();
  expect([claimed, claim.holds(), claim.epoch]).toEqual([[5], true, 5]);
});

it('the lead is granted again a while after it was given up, with another epoch', async () => {
  const { time, claimed, claim } = world();
  claim.start();
  time.settle();
  await claim.release();
  expect([claim.holds(), claim.epoch]).toEqual([false, undefined]);
  time.advance(200);
  expect(claimed).toEqual([5]);
  time.advance(100);
  expect([claimed, claim.holds()]).toEqual([[5, 6], true]);
});

it('the lead is granted once when it was given up twice', async () => {
  const { time, claimed, claim } = world();
  claim.start();
  time.settle();
  await Promise.all([claim.release(), claim.release()]);
  time.advance(2000);
  expect(claimed).toEqual([5, 6]);
});

it('the lead is not granted any more after it has stopped, whatever was under way', async () => {
  const first = world();
  first.claim.start();
  await first.claim.stop();
  first.time.advance(2000);
  expect([first.claimed, first.claim.holds()]).toEqual([[], false]);

  const second = world();
  second.claim.start();
  second.time.settle();
  await second.claim.release();
  await second.claim.stop();
  await second.claim.release();
  second.time.advance(2000);
  expect([second.claimed, second.claim.holds(), second.time.timerCount]).toEqual([[5], false, 0]);
});
