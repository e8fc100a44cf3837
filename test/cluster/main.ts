/**
 * Engram as a cluster of three processes on a test TiKV, under a load of etcd's own Go client:
 * `npm run test:cluster -- [--long] [--seed N] [--only WORDS]`. Leaders are killed, stopped and handed over, nodes restart,
 * TiKV has outages; what the load saw is judged after each: no acknowledged write lost, no stale read, no event lost,
 * repeated or out of order on any node, no lease lost. The long form kills 20 times instead of 5; `--only` runs the checks
 * with WORDS in their names.
 */
import { findTool } from '../../scripts/tools.ts';
import type { ToolName } from '../../scripts/tools.ts';
import { programOptions } from '../support/program-options.ts';
import { print, Skipped, suite } from '../support/suite.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';
import * as failOver from './fail-over.ts';
import { kubernetesOnAll } from './kubernetes.ts';
import * as membership from './membership.ts';
import { Nodes } from './nodes.ts';
import * as storage from './storage.ts';

const values = programOptions(import.meta.filename, {
  long: { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
  only: { type: 'string', default: '' },
});
const cluster = suite('test:cluster');
const rounds = (short: number, long: number): number => (values.long ? long : short);

async function check(name: string, run: () => Promise<string>): Promise<void> {
  if (!name.includes(values.only)) return;
  await cluster.check(name, async () => {
    print(`   ${await run()}`);
  });
}

/** The path of a program; without it the check is skipped. */
async function needed(name: ToolName): Promise<string> {
  const tool = await findTool(name);
  if (tool.kind === 'missing') throw new Skipped(tool.reason);
  return tool.path;
}

async function onFixture(): Promise<void> {
  const tikv = await FixtureCluster.start({ stores: 3, placementDrivers: 3, electionMs: 300 });
  const [seed, { pd }] = [Number(values.seed), tikv];
  try {
    const nodes = await Nodes.start({ pd, keyspace: 'cluster', count: 3, isSecure: true });
    try {
      await underLeaders(nodes, seed);
      await underOutages(nodes, tikv);
    } finally {
      await nodes.close();
    }
    await check(
      'promises 1, 2, 4, 5 and 6: a leader stands still, reads confirmed by the engine',
      async () => {
        const flags = ['--linearizable-reads=engine'];
        const others = await Nodes.start({ pd, keyspace: 'engine-reads', count: 3, flags });
        try {
          return await failOver.leaderPaused(others, rounds(1, 10));
        } finally {
          await others.close();
        }
      },
    );
  } finally {
    await tikv.close();
  }
}

async function underLeaders(nodes: Nodes, seed: number): Promise<void> {
  await check('promises 1, 2, 4, 5 and 6: three nodes, nothing happens', () =>
    failOver.calm(nodes, rounds(5000, 20_000)),
  );
  await check('members are the same on every node', async () =>
    membership.membersAreListed(nodes, await needed('etcdctl')),
  );
  await check('promises 1, 2, 4, 5 and 6: kill -9 of the leader under load', () =>
    failOver.leaderKilled(nodes, rounds(5, 20), seed),
  );
  await check('promises 1, 2, 4, 5 and 6: the leader stands still for longer than its lease', () =>
    failOver.leaderPaused(nodes, rounds(2, 10)),
  );
  await check('promises 1, 2, 4, 5 and 6: SIGTERM of the leader hands over', () =>
    failOver.leaderTerminated(nodes, rounds(3, 20)),
  );
  await check('promises 1, 2, 4, 5 and 6: etcdctl moves the leader', async () =>
    membership.leaderMoves(nodes, await needed('etcdctl'), rounds(3, 12)),
  );
  await check('promises 1, 2, 4, 5 and 6: all nodes restart, one after the other', () =>
    failOver.rollingRestart(nodes, rounds(1, 5)),
  );
  await check('promises 1, 2, 4, 5 and 6: a follower is killed, or stands still', () =>
    failOver.followerDisturbed(nodes, rounds(2, 10)),
  );
  await check('a second node of one name does not start', () => membership.secondOfOneName(nodes));
  await check('nothing answers at a peer address without a certificate of the peers', () =>
    membership.peersNeedCertificates(nodes),
  );
}

async function underOutages(nodes: Nodes, tikv: FixtureCluster): Promise<void> {
  await check('promises 1, 2, 4, 5 and 6: placement drivers change their leader', () =>
    storage.placementDriversChange(nodes, tikv, rounds(2, 15)),
  );
  await check('promises 1, 2, 4, 5 and 6: stores stop and start', () =>
    storage.storesRestart(nodes, tikv, rounds(3, 15)),
  );
  await check('promises 1, 2, 4, 5 and 6: all of TiKV is away for longer than a lease', () =>
    storage.tikvAway(nodes, tikv, rounds(1, 5)),
  );
  await check(
    'promises 1, 2, 4, 5 and 6: kube-apiserver with all endpoints, leaders are killed',
    async () => {
      const programs = { apiserver: await needed('kube-apiserver'), kubectl: await needed('kubectl') };
      return await kubernetesOnAll(nodes, programs, rounds(1, 5));
    },
  );
}

const tools = await Promise.all((['tikv-fixture', 'cluster-load'] as const).map((name) => findTool(name)));
const missing = tools.find((tool) => tool.kind === 'missing');
if (missing?.kind === 'missing') cluster.skip('all on three nodes', missing.reason);
else await onFixture();
cluster.finish();
