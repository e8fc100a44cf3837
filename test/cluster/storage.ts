import { setTimeout as sleep } from 'node:timers/promises';
import type { Span } from '../support/machine-stalls.ts';
import { monotonicMs } from '../support/monotonic.ts';
import type { FixtureCluster } from '../support/tikv/fixture.ts';
import { longestGap, summary } from './load.ts';
import type { Nodes } from './nodes.ts';
import { told, underLoad } from './under-load.ts';

/** Placement drivers lead in turns, and the one that led stops. */
export async function placementDriversChange(
  nodes: Nodes,
  tikv: FixtureCluster,
  rounds: number,
): Promise<string> {
  return await disturbed(nodes, rounds, async (round) => {
    const count = tikv.pd.length;
    const leads = round % count;
    await tikv.pdLead((leads + 1) % count);
    await sleep(500);
    await tikv.pdStop((leads + 1) % count);
    await sleep(200);
    await tikv.pdLead((leads + 2) % count);
    await sleep(500);
    await tikv.pdStart((leads + 1) % count);
    await sleep(500);
  });
}

/** Each store of TiKV stops and starts again; its regions get other leaders meanwhile. */
export async function storesRestart(nodes: Nodes, tikv: FixtureCluster, rounds: number): Promise<string> {
  const stores = await tikv.stores();
  return await disturbed(nodes, rounds, async (round) => {
    const store = stores[round % stores.length]!;
    await tikv.stopStore(store);
    await sleep(900);
    await tikv.startStore(store);
    await sleep(900);
  });
}

/** All of TiKV is away for longer than a lease: nobody leads then, and all goes on when it is back. */
export async function tikvAway(nodes: Nodes, tikv: FixtureCluster, rounds: number): Promise<string> {
  return await disturbed(nodes, rounds, async () => {
    const stores = await tikv.stores();
    for (const store of stores) await tikv.stopStore(store);
    await sleep(2500);
    for (const store of stores) await tikv.startStore(store);
    await nodes.leader();
    await nodes.agreed();
    await sleep(1000);
  });
}

async function disturbed(
  nodes: Nodes,
  rounds: number,
  disturb: (round: number) => Promise<void>,
): Promise<string> {
  const spans: Span[] = [];
  const history = await underLoad(nodes, async () => {
    for (let round = 0; round < rounds; round++) {
      const fromMs = monotonicMs();
      await disturb(round);
      spans.push({ fromMs, toMs: monotonicMs() });
    }
  });
  const gaps = spans.map((span) => longestGap(history, span));
  return `without an acknowledged write: ${summary(gaps)}; ${told(history)}`;
}
