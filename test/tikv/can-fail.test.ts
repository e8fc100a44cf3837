import { expect, test, vi } from 'vitest';
import type { Fault } from '../support/tikv/cluster.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import type { Row, Write } from '../support/tikv/fake/mvcc/records.ts';
import { testTls } from '../support/tikv/tls.ts';
import { abandon } from './abandoned.ts';
import { bankCheck } from './bank.ts';
import type { ClientCheck } from './check.ts';
import { clientChecks } from './checks.ts';
import { runCheck } from './context.ts';
import { intervalCheck } from './intervals.ts';

// Beside other suites on two cores.
vi.setConfig({ testTimeout: 300_000 });

/** What no check may let pass: a cluster that does wrong, and what is left behind. */

async function failure(check: ClientCheck, spoil: (cluster: FakeCluster) => void): Promise<string> {
  const cluster = await FakeCluster.start();
  try {
    spoil(cluster);
    return await runCheck(check, cluster, { loadMs: 1000, locksMs: 1000 }).then(
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

const puts = ({ writes }: Row): Write[] => writes.filter(({ kind }) => kind === 'put');

/** Shows the rows of a kind that hold something to `lose` until it says that it has done its work. */
function harm(part: string, lose: (rows: readonly Row[]) => boolean) {
  return ({ world }: FakeCluster): void => {
    const again = (): void => {
      const all = world.mvcc.rows.range({ start: Buffer.alloc(0), end: Buffer.alloc(0) });
      // Who has locked a row has read it, and may write it as if nothing had been lost.
      const rows = [...all].filter((row) => row.key.includes(part) && !row.lock && puts(row).length > 0);
      if (!lose(rows)) world.later(20, again);
    };
    again();
  };
}

const tellerOf = (row: Row | undefined): string | undefined =>
  row === undefined ? undefined : /receipt\/(\d)/.exec(row.key.toString())?.[1];

test('a bank whose store loses receipts is seen', async () => {
  // One after which its teller has gone on: nobody has to ask any more what became of it.
  const lose = harm('receipt/', (rows) => {
    const settled = rows.find((row, at) => tellerOf(row) === tellerOf(rows[at + 1]));
    settled?.writes.splice(0);
    return settled !== undefined;
  });
  expect(await failure(bankCheck, lose)).toContain('receipt/');
});

test('a bank whose store loses updates is seen', async () => {
  const lose = harm('account/000', ([row]) => {
    const [newest, opening] = row === undefined ? [] : puts(row);
    if (opening !== undefined) row?.writes.splice(row.writes.indexOf(newest!), 1);
    return false;
  });
  // Who has read the account just before overwrites the loss: on a slow machine all of a run can go unseen.
  let seen = 'passed';
  for (let runs = 0; runs < 5 && /^passed|only/.test(seen); runs++) seen = await failure(bankCheck, lose);
  // Most of the time by its sum; a client that asks for what became of a lost write sees it too.
  expect(seen).not.toMatch(/^passed|only/);
});

test('an append that disappears is seen', async () => {
  // Not the newest: its writer may still have to ask what has become of it.
  const lose = harm('slot/', (rows) => {
    if (rows.length < 10) return false;
    rows[0]!.writes.length = 0;
    return true;
  });
  expect(await failure(intervalCheck, lose)).toMatch(/slot\/0{7}1/);
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
