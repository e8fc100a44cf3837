import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { findTool } from '../../../scripts/tools.ts';
import { temporaryDirectory } from '../process.ts';
import { Skipped } from '../suite.ts';
import type { Ability, Fault, FaultKind, RegionState, TestCluster } from './cluster.ts';

export interface FixtureOptions {
  /** @default 3 */
  readonly stores?: number;
  /** @default 1 */
  readonly placementDrivers?: number;
  /** Added to every write: stands for replication and a disk sync. @default 0 */
  readonly writeDelayMs?: number;
  /** From the loss of a store until its regions have new leaders. @default 1000 */
  readonly electionMs?: number;
  /** A region that was written so much is split; 0: never. @default 96 MiB */
  readonly regionBytes?: number;
}

/** What the process prints when it serves. */
interface Ready {
  readonly admin: string;
  readonly pd: readonly string[];
}

/** What its side door shows; byte strings are in base64. */
interface State {
  readonly pd_leader: number;
  readonly stores: readonly { readonly id: number; readonly addr: string; readonly up: boolean }[];
  readonly regions: readonly {
    readonly id: number;
    readonly start: string | null;
    readonly end: string | null;
    readonly leader: number;
  }[];
  readonly calls: Readonly<Record<string, number>>;
}

const FAULTS: ReadonlySet<string> = new Set<FaultKind>([
  ...(['drop-before', 'drop-after', 'hang-after', 'delay', 'not-leader', 'no-leader', 'epoch', 'busy'] as const),
  ...(['stale-command', 'region-not-found', 'max-ts-not-synced', 'undetermined', 'no-1pc'] as const),
]); // prettier-ignore
const ABILITIES: ReadonlySet<string> = new Set<Ability>([
  ...(['splits', 'regions', 'leaders', 'stores', 'placement-drivers', 'clock', 'calls'] as const),
]);

/**
 * The TiKV-protocol server of test/tikv-fixture in a process of its own, on ports and in a directory of its own. Its data
 * outlive `kill`; `restart` serves them again.
 */
export class FixtureCluster implements TestCluster {
  readonly name = 'fixture';
  readonly #binary: string;
  readonly #options: FixtureOptions;
  readonly #directory = temporaryDirectory('tikv-fixture');
  #child: ChildProcess | undefined;
  /** A test that is ended from outside leaves no server behind. */
  readonly #killOnExit = () => this.#child?.kill('SIGKILL');
  #ready: Ready = { admin: '', pd: [] };

  private constructor(binary: string, options: FixtureOptions) {
    this.#binary = binary;
    this.#options = options;
  }

  /** Builds it first if that is needed and possible; else throws `Skipped` with the reason. */
  static async start(options: FixtureOptions = {}): Promise<FixtureCluster> {
    const tool = await findTool('tikv-fixture');
    if (tool.kind === 'missing') throw new Skipped(tool.reason);
    const cluster = new FixtureCluster(tool.path, options);
    await cluster.#launch();
    return cluster;
  }

  get pd(): readonly string[] {
    return this.#ready.pd;
  }

  can(what: FaultKind | Ability): boolean {
    return FAULTS.has(what) || ABILITIES.has(what);
  }

  async stores(): Promise<readonly bigint[]> {
    return (await this.#state()).stores.map(({ id }) => BigInt(id));
  }

  async regions(): Promise<readonly RegionState[]> {
    return (await this.#state()).regions.map(({ id, start, end, leader }) => ({
      id: BigInt(id),
      start: rawKey(start),
      end: rawKey(end),
      leader: BigInt(leader),
    }));
  }

  split(key: Uint8Array): Promise<void> {
    return this.#post('split', { key: Buffer.from(key).toString('hex') });
  }

  merge(region: bigint): Promise<void> {
    return this.#post('merge', { region });
  }

  transfer(region: bigint, store: bigint): Promise<void> {
    return this.#post('transfer', { region, store });
  }

  stopStore(id: bigint): Promise<void> {
    return this.#post('store/stop', { id });
  }

  startStore(id: bigint): Promise<void> {
    return this.#post('store/start', { id });
  }

  pdStop(member: number): Promise<void> {
    return this.#post('pd/stop', { id: member });
  }

  pdStart(member: number): Promise<void> {
    return this.#post('pd/start', { id: member });
  }

  pdLead(member: number): Promise<void> {
    return this.#post('pd/lead', { id: member });
  }

  shiftClock(ms: number): Promise<void> {
    return this.#post('clock', { shift: `${ms}ms` });
  }

  fault({ kind, rpc = '', count = 1, skip = 0, store = 0n, delayMs = 0 }: Fault): Promise<void> {
    return this.#post('fault', { kind, rpc, count, skip, store, delay: `${delayMs}ms` });
  }

  clearFaults(): Promise<void> {
    return this.#post('faults/clear', {});
  }

  async calls(): Promise<Readonly<Record<string, number>>> {
    return (await this.#state()).calls;
  }

  violations(): readonly string[] {
    return [];
  }

  /** Ends the process at once; what it acknowledged stays in its directory. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Serves the same data again after `kill`: the placement drivers where they were, the stores at other ports. */
  async restart(): Promise<void> {
    await this.#launch();
  }

  /** The data as they are, after `kill`: for `setBack`. */
  backup(): string {
    const copy = temporaryDirectory('tikv-backup');
    cpSync(this.#directory, copy, { recursive: true });
    return copy;
  }

  /** Puts an earlier backup in place of the data, after `kill`: the cluster forgets what came since. */
  setBack(backup: string): void {
    rmSync(this.#directory, { recursive: true });
    cpSync(backup, this.#directory, { recursive: true });
    rmSync(backup, { recursive: true });
  }

  async close(): Promise<void> {
    await this.#end('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const {
      stores = 3,
      placementDrivers = 1,
      writeDelayMs = 0,
      electionMs = 1000,
      regionBytes,
    } = this.#options;
    const fresh = this.#ready.pd.length === 0;
    const pd = fresh ? Array<string>(placementDrivers).fill('127.0.0.1:0') : this.#ready.pd;
    const args = [
      `-data=${this.#directory}`,
      `-stores=${stores}`,
      `-store-port=0`,
      `-pd=${pd.join(',')}`,
      `-admin=${fresh ? '127.0.0.1:0' : this.#ready.admin}`,
      `-write-delay=${writeDelayMs}ms`,
      `-election=${electionMs}ms`,
      ...(regionBytes === undefined ? [] : [`-region-bytes=${regionBytes}`]),
    ];
    // Its engine may keep 600 MB of caches: a limit makes it collect earlier, which costs a test nothing.
    const env = { ...process.env, GOMEMLIMIT: '400MiB' };
    const child = spawn(this.#binary, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
    this.#child = child;
    process.once('exit', this.#killOnExit);
    const lines = createInterface(child.stdout);
    const line = await Promise.race([
      once(lines, 'line').then(([text]) => String(text)),
      once(child, 'exit').then(([code]) => {
        throw new Error(`Cannot start the TiKV fixture: exit ${String(code)}`);
      }),
    ]);
    const { admin, pd: members } = JSON.parse(line) as Ready;
    this.#ready = { admin, pd: members };
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    process.off('exit', this.#killOnExit);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async #state(): Promise<State> {
    const response = await fetch(`http://${this.#ready.admin}/state`);
    return (await response.json()) as State;
  }

  async #post(
    command: string,
    parameters: Readonly<Record<string, string | number | bigint>>,
  ): Promise<void> {
    const query = Object.entries(parameters).map(
      ([name, value]) => `${name}=${encodeURIComponent(String(value))}`,
    );
    const response = await fetch(`http://${this.#ready.admin}/${command}?${query.join('&')}`, {
      method: 'POST',
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The TiKV fixture refused ${command}: ${text.trim()}`);
  }
}

/** A key as the placement driver has it, back to what was written: eight bytes and a marker at a time. */
function rawKey(base64: string | null): Buffer {
  const encoded = Buffer.from(base64 ?? '', 'base64');
  const parts: Buffer[] = [];
  for (let at = 0; at < encoded.length; at += 9) {
    parts.push(encoded.subarray(at, at + 8 - (0xff - encoded[at + 8]!)));
  }
  return Buffer.concat(parts);
}
