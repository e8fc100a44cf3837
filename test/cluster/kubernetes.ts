import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '../kubernetes/api.ts';
import { configMap, expectStatus } from '../kubernetes/checks.ts';
import { ControlPlane } from '../kubernetes/control-plane.ts';
import { unexplainedErrors } from '../kubernetes/log-allow-list.ts';
import { watchAcross } from '../kubernetes/watches.ts';
import { start } from '../support/process.ts';
import { eventually, inParallel } from '../support/suite.ts';
import type { Nodes } from './nodes.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const OBJECTS = 60;

/**
 * kube-apiserver with all three endpoints, while leaders are killed: objects are made, read and watched, kubectl's watch
 * goes on, and the API server reads nothing anew: each of its caches was filled once.
 */
export async function kubernetesOnAll(
  nodes: Nodes,
  programs: { readonly apiserver: string; readonly kubectl: string },
  kills: number,
): Promise<string> {
  await nodes.allUp();
  const etcdServers = nodes.targets.map((target) => `http://${target}`);
  const plane = await ControlPlane.create(programs.apiserver, { tls: false, etcdServers });
  plane.startApiserver();
  try {
    const api = await plane.ready();
    const seen = join(plane.directory, 'kubectl-watch.log');
    const watching = start(programs.kubectl, kubectlWatch(plane), seen);
    try {
      await eventually('that the caches are filled', 20_000, async () => {
        const before = await fillings(api);
        await sleep(1000);
        return (await fillings(api)).size === before.size ? true : undefined;
      });
      const before = await fillings(api);
      for (let round = 0; round < kills; round++) await oneKill(nodes, api, round);
      await inParallel(OBJECTS, 6, async (at) => {
        expectStatus(await api.create(CONFIG_MAPS, configMap(`made-${at}`)), 201);
      });
      const list = expectStatus(await api.get(CONFIG_MAPS), 200).body.items ?? [];
      const made = list.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt');
      await sleep(1000);
      const added = watchedNames(readFileSync(seen, 'utf8'));
      assert.deepEqual(added.toSorted(), made.toSorted(), "kubectl's watch has lost or repeated something");
      assert.deepEqual(refilled(before, await fillings(api)), [], 'caches were filled anew: a relist');
      assert.deepEqual(unexplainedErrors(readFileSync(plane.apiLog, 'utf8')), []);
      return `${made.length} objects across ${kills} kills of leaders, ${before.size} caches filled once`;
    } finally {
      await watching.stop('SIGKILL');
    }
  } finally {
    await plane.stop();
  }
}

async function oneKill(nodes: Nodes, api: Api, round: number): Promise<void> {
  await watchAcross(api, `kill-${round}`, async () => {
    const leader = await nodes.leader();
    await nodes.stop(leader, 'SIGKILL');
    await sleep(1500);
    await nodes.up(leader);
  });
  await nodes.agreed();
}

function kubectlWatch(plane: ControlPlane): string[] {
  return [
    ...['--server', plane.apiUrl, '--certificate-authority', plane.certificate, '--token', plane.token],
    ...['get', 'configmaps', '--watch-only', '--output-watch-events', '--no-headers'],
  ];
}

/** Names of objects that were added, as kubectl prints them: `ADDED name 0 1s`. */
function watchedNames(printed: string): string[] {
  return printed.split('\n').flatMap((line) => {
    const [, name] = /^ADDED\s+(\S+)/.exec(line) ?? [];
    return name === undefined || name === 'kube-root-ca.crt' ? [] : [name];
  });
}

/** How often the API server has filled each of its caches from the store. */
async function fillings(api: Api): Promise<ReadonlyMap<string, number>> {
  const { text } = expectStatus(await api.get('/metrics'), 200);
  const lines = text.matchAll(/^apiserver_watch_cache_initializations_total\{([^}]*)\} (\d+)/gm);
  return new Map([...lines].map(([, labels, count]) => [labels ?? '', Number(count)]));
}

function refilled(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after].flatMap(([labels, count]) => {
    const had = before.get(labels);
    return had === undefined || had === count ? [] : [`${labels}: ${had} -> ${count}`];
  });
}
