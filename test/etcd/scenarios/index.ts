import { tmpdir } from 'node:os';
import { MachineStalls } from '../../support/machine-stalls.ts';
import { freePort } from '../../support/process.ts';
import { startEngram, startEtcd } from '../etcd-process.ts';
import type { ServerProcess } from '../etcd-process.ts';
import { alarms } from './alarms.ts';
import { calls } from './calls.ts';
import { fragments } from './fragments.ts';
import { freshStore, history } from './history.ts';
import { gateway, gatewayAccess } from './gateway.ts';
import { http } from './http.ts';
import { leases } from './leases.ts';
import { limits } from './limits.ts';
import { malformed } from './malformed.ts';
import { disagreements, Probe } from './probe.ts';
import type { Family } from './probe.ts';
import { restarts } from './restarts.ts';
import { watches } from './watches.ts';

export const FAMILIES: readonly Family[] = [
  leases,
  watches,
  fragments,
  alarms,
  limits,
  freshStore,
  history,
  restarts,
  calls,
  malformed,
  http,
  gateway,
  gatewayAccess,
];

/** How a script came out; it should without problems. */
export interface Seen {
  readonly scenario: string;
  readonly problems: readonly string[];
}

export interface ScenarioRun {
  /** etcd's binary. */
  readonly binary: string;
  /** It is etcd 3.6. */
  readonly older: boolean;
  readonly only?: string;
  readonly report: (scenario: string, problems: readonly string[]) => void;
  /** A family is played again, because the machine stood still for so long meanwhile. */
  readonly again: (family: string, stalledMs: number, seen: readonly Seen[]) => void;
}

/** Runs the scripts of every family against etcd and Engram at the same time and compares what they saw. */
export async function runScenarios(run: ScenarioRun): Promise<void> {
  const stalls = await MachineStalls.start(tmpdir());
  for (const family of FAMILIES) {
    if (run.only !== undefined && run.only !== family.name) continue;
    const seen = await stalls.patiently({
      play: () => playFamily(run, family),
      isFine: (all) => all.every(({ problems }) => problems.length === 0),
      again: (all, stalledMs) => run.again(family.name, stalledMs, all),
    });
    for (const { scenario, problems } of seen) run.report(scenario, problems);
  }
  await stalls.stop();
}

/** On new servers, which all scripts of a family share. */
async function playFamily(run: ScenarioRun, family: Family): Promise<readonly Seen[]> {
  const [etcdPort, engramPort] = [await freePort(), await freePort()];
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const args = family.args ?? [];
  const etcd = await startEtcd(run.binary, [`--listen-metrics-urls=${url(etcdPort)}`, ...args]);
  const engram = await startEngram(args, engramPort);
  const probeOf = (server: ServerProcess, port: number): Probe =>
    new Probe(server.target, {
      metricsUrl: url(port),
      older: run.older,
      masksRevisions: family.masksRevisions ?? false,
    });
  const seen: Seen[] = [];
  for (const [i, [name, script]] of Object.entries(family.scenarios).entries()) {
    if (i > 0 && family.restarts === true) await Promise.all([etcd.restart(), engram.restart()]);
    const probes = [probeOf(etcd, etcdPort), probeOf(engram, engramPort)] as const;
    const failures = await Promise.all(probes.map((probe) => play(script, probe)));
    for (const probe of probes) probe.close();
    const problems = [...failures.flat(), ...disagreements(probes[0].observations, probes[1].observations)];
    seen.push({ scenario: `${family.name}/${name}`, problems });
  }
  await Promise.all([etcd.stop('SIGKILL'), engram.stop()]);
  return seen;
}

/** A script that breaks off is a failure, also when it does so on both servers. */
async function play(script: (probe: Probe) => Promise<void>, probe: Probe): Promise<string[]> {
  try {
    await script(probe);
    return [];
  } catch (error) {
    return [`the script broke off: ${error instanceof Error ? error.stack : String(error)}`];
  }
}
