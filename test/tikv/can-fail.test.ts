import { expect, test, vi } from 'vitest';
import type { Fault } from '../support/tikv/cluster.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { testTls } from '../support/tikv/tls.ts';
import { abandon } from './abandoned.ts';
import { bankCheck } from './bank.ts';
import type { ClientCheck } from './check.ts';
import { clientChecks } from './checks.ts';
import { runCheck } from './context.ts';
import { intervalCheck } from './intervals.ts';

// Beside other suites on two cores.
vi.setConfig({ testTimeout: 120_000 });

/** What no check may let pass: a cluster that does wrong, and what is left behind. */

async function failure(check: ClientCheck, spoil: (cluster: FakeCluster) => void): Promise<string> {
  const cluster = await FakeCluster.start();
  try {
    spoil(cluster);
    return await runCheck(check, cluster, { loadMs: 1000 }).then(
      () => 'passed',
      (error: unknown) => String(error),
    );
  } finally {
    await cluster.close();
  }
}

const spoil = (fault: Fault) => (cluster: FakeCluster) => cluster.world.faults.add(fault);

function named(part: string): ClientCheck {
  const found = clientChecks.find(({ name }) => name.includes(part));
  if (found === undefined) throw new Error(`Cannot find the check ${part}`);
  return found;
}

test('a value that is altered on its way is seen', async () => {
  const check = named('values of no bytes');
  expect(await failure(check, spoil({ kind: 'corrupt', skip: 1 }))).not.toBe('passed');
});

test('a bank whose store loses a write is seen', async () => {
  const lose = (cluster: FakeCluster) => {
    cluster.world.later(500, () => {
      const row = cluster.world.mvcc.rows;
      for (const { key, writes } of row.range({ start: Buffer.alloc(0), end: Buffer.alloc(0) })) {
        if (key.includes('account/') && writes.length > 2) {
          writes.shift();
          return;
        }
      }
    });
  };
  expect(await failure(bankCheck, lose)).not.toBe('passed');
});

test('an append that disappears is seen', async () => {
  const lose = (cluster: FakeCluster) => {
    cluster.world.later(500, () => {
      const { rows } = cluster.world.mvcc;
      for (const { key, writes, lock } of rows.range({ start: Buffer.alloc(0), end: Buffer.alloc(0) })) {
        if (!key.includes('slot/') || lock !== undefined || writes.length === 0) continue;
        writes.length = 0;
        return;
      }
    });
  };
  expect(await failure(intervalCheck, lose)).not.toBe('passed');
});

test('locks, timers and calls that must not be are seen', async () => {
  const nothing = () => undefined;
  const leave: Omit<ClientCheck, 'run'> = { name: 'leaves', needs: [] };
  const lock: ClientCheck = {
    ...leave,
    run: async (context) =>
      void (await abandon(context, { leave: 'locks', keys: ['a'], value: '', ttlMs: 1 })),
  };
  expect(await failure(lock, nothing)).toContain('no locks');
  const timer: ClientCheck = {
    ...leave,
    run: ({ environment }) => Promise.resolve(void environment.scheduler.after(10_000, nothing)),
  };
  expect(await failure(timer, nothing)).toContain('timers');
  expect(await failure({ ...leave, run: () => Promise.resolve() }, nothing)).toBe('passed');
  expect(await failure(named('scans'), ({ world }) => world.violate('planted'))).toContain('planted');
});

for (const part of ['a bank', 'stores stop and start', 'the placement driver changes', 'a closed client']) {
  test(`over TLS: ${named(part).name}`, async () => {
    const tls = await testTls();
    const cluster = await FakeCluster.start({ tls });
    try {
      await runCheck(named(part), cluster, { loadMs: 700 });
    } finally {
      await cluster.close();
    }
  });
}
