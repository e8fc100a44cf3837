/** Goal: a node that has no leader says so, and where to look. Method: timers and events that the test runs. */
import { expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { tellOfLoss, tellOfWaiting } from './leader-notices.ts';

test('a start that waits for a leader tells of it now and then, with the other nodes, until it is over', () => {
  const told: unknown[] = [];
  const timers: { delayMs: number; run: () => void; isCancelled: boolean }[] = [];
  const scheduler = {
    soon: (run: () => void) => run(),
    after: (delayMs: number, run: () => void) => {
      const timer = { delayMs, run, isCancelled: false };
      timers.push(timer);
      return () => (timer.isCancelled = true);
    },
  };
  const logger = { ...silentLogger, warn: (_message: string, fields?: object) => void told.push(fields) };
  const members = [
    { id: 1n, name: 'n1', peerUrls: ['http://localhost:2380'], clientUrls: [] },
    { id: 2n, name: 'n2', peerUrls: ['http://10.0.0.2:2380'], clientUrls: [] },
  ];
  const end = tellOfWaiting({ members: () => members }, { name: 'n2', scheduler, logger });
  expect(told).toEqual([]);
  timers[0]!.run();
  expect(told).toEqual([{ others: ['n1 at http://localhost:2380'] }]);
  timers[1]!.run();
  expect(told).toHaveLength(2);
  end();
  expect(timers.map(({ delayMs, isCancelled }) => [delayMs, isCancelled])).toEqual([
    [5000, false],
    [30_000, false],
    [30_000, true],
  ]);
});

test('a node whose leader falls silent says so; one that leads, that its lease cannot be renewed', () => {
  const told: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => void told.push(message) };
  const node = {
    leads: false,
    lost: (): void => undefined,
    onLeaderLost: (run: () => void) => (node.lost = run),
  };
  const end = tellOfLoss(node, logger);
  expect(told).toEqual([]);
  node.lost();
  node.leads = true;
  node.lost();
  end();
  node.lost();
  expect(told).toEqual([expect.stringContaining('cannot be reached'), expect.stringContaining('its lease')]);
});
