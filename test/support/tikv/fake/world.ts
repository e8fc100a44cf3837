import type { Fault } from '../cluster.ts';
import { FaultPlan } from './fault-plan.ts';
import { MaxTs, Mvcc } from './mvcc/mvcc.ts';
import { Oracle } from './oracle.ts';
import type { Topology } from './topology.ts';

/** One call, as a test sees it before it takes effect. */
export interface FakeCall {
  readonly rpc: string;
  /** 0n for a call to a placement driver. */
  readonly store: bigint;
  readonly request: object;
}

const violationsMax = 100;
const recordedMax = 10_000;

/** What all stores and placement drivers of a fake cluster share. */
export class World {
  readonly clusterId = 7_300_000_000_000_000_001n;
  readonly mvcc = new Mvcc();
  readonly oracle: Oracle;
  readonly faults = new FaultPlan();
  readonly topology: Topology;
  /** What the client did that no client may do. */
  readonly violations: string[] = [];
  /** The last calls, oldest first. */
  readonly recorded: FakeCall[] = [];
  /** Requests for timestamps that have come, served or not: a stream serves one after the other. */
  timestampRequests = 0;
  /** Runs before each call: whatever it changes is between two calls. */
  beforeCall: ((call: FakeCall) => void | Promise<void>) | undefined;
  /** Added to each write: stands for replication and a disk sync. */
  writeDelayMs = 0;
  readonly #maxTs = new Map<bigint, MaxTs>();
  readonly #timers = new Map<NodeJS.Timeout, () => void>();

  constructor(topology: Topology, stores: readonly bigint[], oracle = new Oracle()) {
    this.topology = topology;
    this.oracle = oracle;
    for (const store of stores) this.#maxTs.set(store, new MaxTs());
  }

  maxTs(store: bigint): MaxTs {
    const found = this.#maxTs.get(store);
    if (found === undefined) throw new RangeError(`Cannot find store ${store}`);
    return found;
  }

  /** A new leader asks for a timestamp before it commits anything, since it has not seen the old one's reads. */
  syncMaxTs(): void {
    const ts = this.oracle.next();
    for (const maxTs of this.#maxTs.values()) maxTs.raise(ts);
  }

  violate(text: string): void {
    if (this.violations.length < violationsMax) this.violations.push(text);
  }

  /** Counts and records a call, lets the test in, and answers the fault that the call meets. */
  async enter(call: FakeCall): Promise<Fault | undefined> {
    this.recorded.push(call);
    if (this.recorded.length > recordedMax) this.recorded.splice(0, recordedMax / 2);
    const fault = this.faults.next(call.rpc, call.store);
    await this.beforeCall?.(call);
    if (fault?.delayMs !== undefined && fault.kind !== 'late' && fault.kind !== 'tso-gap') {
      await this.sleep(fault.delayMs);
    }
    return fault;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.later(ms, resolve));
  }

  /** Runs later, unless the cluster is closed before. */
  later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.set(timer, run);
  }

  /** The time of all that runs later has come. */
  hurry(): void {
    const waiting = [...this.#timers.values()];
    this.close();
    for (const run of waiting) run();
  }

  close(): void {
    for (const timer of this.#timers.keys()) clearTimeout(timer);
    this.#timers.clear();
  }
}
