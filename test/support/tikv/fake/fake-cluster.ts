import type { Fault, RegionState, TestCluster, TlsFiles } from '../cluster.ts';
import { service } from '../wire.ts';
import { Audit } from './audit.ts';
import { Listener } from './listener.ts';
import type { LockInfo } from './mvcc/key-error.ts';
import { scanLocks } from './mvcc/settle.ts';
import { tsMax } from './mvcc/mvcc.ts';
import { PdService } from './pd-service.ts';
import { SafePoints } from './safe-points.ts';
import { StoreService } from './store-service.ts';
import { Topology } from './topology.ts';
import { World } from './world.ts';

export interface FakeClusterOptions {
  /** @default 3 */
  readonly stores?: number;
  /** @default 3 */
  readonly placementDrivers?: number;
  /** Both sides show certificates. */
  readonly tls?: { readonly server: TlsFiles; readonly client: TlsFiles };
  /** From the loss of a store until its regions have new leaders. @default 50 */
  readonly electionMs?: number;
  /** Added to each write. @default 0 */
  readonly writeDelayMs?: number;
}

interface FakeStore {
  readonly id: bigint;
  readonly service: StoreService;
  readonly listener: Listener;
}

/** A placement driver and stores in this process, which lose, refuse and delay whatever a test asks for. */
export class FakeCluster implements TestCluster {
  readonly name: string;
  readonly tls?: TlsFiles;
  /** Everything behind the servers. */
  readonly world: World;
  readonly safePoints: SafePoints;
  readonly #electionMs: number;
  readonly #stores: FakeStore[];
  readonly #members: Listener[];
  #leader = 0;

  private constructor(options: FakeClusterOptions) {
    this.name = options.tls === undefined ? 'fake' : 'fake over TLS';
    if (options.tls !== undefined) this.tls = options.tls.client;
    this.#electionMs = options.electionMs ?? 50;
    const ids = Array.from({ length: options.stores ?? 3 }, (_, at) => BigInt(at + 1));
    const world = new World(new Topology(ids), ids);
    this.world = world;
    this.safePoints = new SafePoints(world);
    world.writeDelayMs = options.writeDelayMs ?? 0;
    const audit = new Audit(world);
    const [kv, pd] = [service('tikvpb.Tikv'), service('pdpb.PD')];
    this.#stores = ids.map((id) => {
      const ofStore = new StoreService(world, audit, id);
      return { id, service: ofStore, listener: new Listener(kv, ofStore.handlers, options.tls?.server) };
    });
    const group = {
      ...{ world, safePoints: this.safePoints },
      leader: () => this.#leader,
      urls: () => this.pd.map((address) => `${options.tls === undefined ? 'http' : 'https'}://${address}`),
      storeAddress: (id: bigint) => this.#stores.find(({ service }) => service.id === id)?.listener.address,
    };
    this.#members = Array.from({ length: options.placementDrivers ?? 3 }, (_, member) => {
      return new Listener(pd, new PdService(group, member).handlers, options.tls?.server);
    });
  }

  static async start(options: FakeClusterOptions = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster(options);
    await Promise.all(cluster.#listeners().map((listener) => listener.start()));
    return cluster;
  }

  get pd(): readonly string[] {
    return this.#members.map(({ address }) => address);
  }

  can(): boolean {
    return true;
  }

  stores(): Promise<readonly bigint[]> {
    return Promise.resolve(this.#stores.map(({ id }) => id));
  }

  regions(): Promise<readonly RegionState[]> {
    return Promise.resolve(
      this.world.topology.regions.map(({ id, start, end, leader }) => {
        return { id, start, end, leader: leader?.storeId ?? 0n };
      }),
    );
  }

  split(key: Uint8Array): Promise<void> {
    return this.#change(() => this.world.topology.split(Buffer.from(key)));
  }

  merge(region: bigint, survivor?: 'left' | 'right'): Promise<void> {
    return this.#change(() => this.world.topology.merge(region, survivor));
  }

  transfer(region: bigint, store: bigint): Promise<void> {
    return this.#change(() => this.world.topology.transfer(region, store));
  }

  /** Gives a region new peers on the same stores. */
  renewPeers(region: bigint): Promise<void> {
    return this.#change(() => this.world.topology.renewPeers(region));
  }

  stopStore(id: bigint): Promise<void> {
    this.#store(id).listener.stop();
    this.world.later(this.#electionMs, () => void this.#change(() => this.#elect()));
    return Promise.resolve();
  }

  /** On a new port, its old address leads nowhere. */
  async startStore(id: bigint, onNewPort = false): Promise<void> {
    await this.#store(id).listener.start(onNewPort);
    await this.#change(() => this.#elect());
  }

  /** From now on each of the two stores is at the address of the other. */
  swapAddresses(one: bigint, other: bigint): void {
    const [a, b] = [this.#store(one).service, this.#store(other).service];
    [a.id, b.id] = [b.id, a.id];
  }

  pdStop(member: number): Promise<void> {
    this.#member(member).stop();
    return Promise.resolve();
  }

  pdStart(member: number): Promise<void> {
    return this.#member(member).start();
  }

  pdLead(member: number): Promise<void> {
    this.#leader = member;
    return Promise.resolve();
  }

  /** Back as well: a placement driver whose clock goes back gives out the same milliseconds until it has caught up. */
  shiftClock(ms: number): Promise<void> {
    this.world.oracle.shift(ms);
    return Promise.resolve();
  }

  fault(fault: Fault): Promise<void> {
    this.world.faults.add(fault);
    return Promise.resolve();
  }

  clearFaults(): Promise<void> {
    this.world.faults.clear();
    return Promise.resolve();
  }

  calls(): Promise<Readonly<Record<string, number>>> {
    return Promise.resolve({ ...this.world.faults.calls });
  }

  violations(): readonly string[] {
    return this.world.violations;
  }

  /** All locks that there are. */
  locks(): readonly LockInfo[] {
    return scanLocks(this.world.mvcc, { start: Buffer.alloc(0), end: Buffer.alloc(0) }, tsMax, 0);
  }

  close(): Promise<void> {
    this.world.close();
    for (const listener of this.#listeners()) listener.stop();
    return Promise.resolve();
  }

  #listeners(): readonly Listener[] {
    return [...this.#stores.map(({ listener }) => listener), ...this.#members];
  }

  /** `async`, so that what cannot be done rejects. */

  async #change(change: () => void): Promise<void> {
    change();
    this.world.syncMaxTs();
  }

  #elect(): void {
    this.world.topology.elect((id) => this.#store(id).listener.isUp);
  }

  #store(id: bigint): FakeStore {
    const found = this.#stores.find((store) => store.service.id === id);
    if (found === undefined) throw new RangeError(`Cannot find store ${id}`);
    return found;
  }

  #member(member: number): Listener {
    const found = this.#members[member];
    if (found === undefined) throw new RangeError(`Cannot find placement driver ${member}`);
    return found;
  }
}
