import type { Fault, FaultKind } from '../cluster.ts';

interface Rule {
  readonly fault: Fault;
  skip: number;
  count: number;
}

const placementDriverRpcs = new Set([
  ...['GetMembers', 'Tso', 'GetRegion', 'GetPrevRegion', 'ScanRegions', 'GetStore'],
  ...['GetGCSafePoint', 'UpdateGCSafePoint', 'UpdateServiceGCSafePoint'],
]);
const regionRpcs = ['GetRegion', 'GetPrevRegion', 'ScanRegions'];
/** The calls that a kind is meant for, where it is not for all calls of a store. */
const defaultRpcs: Partial<Record<FaultKind, readonly string[]>> = {
  'pd-not-leader': [...placementDriverRpcs].filter((rpc) => rpc !== 'GetMembers'),
  'pd-error': [...placementDriverRpcs],
  'pd-stale': regionRpcs,
  'pd-no-leader': regionRpcs,
  'tso-broken': ['Tso'],
  'tso-gap': ['Tso'],
  'tso-back': ['Tso'],
  'no-1pc': ['KvPrewrite'],
  'locked-whole': ['KvBatchGet', 'KvScan'],
  corrupt: ['KvGet'],
};

/** The faults that wait for calls, and how often each rpc was called. */
export class FaultPlan {
  readonly calls: Record<string, number> = {};
  #rules: Rule[] = [];

  add(fault: Fault): void {
    this.#rules.push({ fault, skip: fault.skip ?? 0, count: fault.count ?? 1 });
  }

  clear(): void {
    this.#rules = [];
  }

  /** How many rules wait. */
  get waiting(): number {
    return this.#rules.length;
  }

  /** Counts a call, and answers the fault that it meets. */
  next(rpc: string, store: bigint): Fault | undefined {
    this.calls[rpc] = (this.calls[rpc] ?? 0) + 1;
    for (const rule of this.#rules) {
      if (!matches(rule.fault, rpc, store)) continue;
      if (rule.skip > 0) {
        rule.skip--;
        continue;
      }
      rule.count--;
      if (rule.count <= 0) this.#rules = this.#rules.filter((other) => other !== rule);
      return rule.fault;
    }
    return undefined;
  }
}

function matches(fault: Fault, rpc: string, store: bigint): boolean {
  if (fault.store !== undefined && fault.store !== store) return false;
  return mayMeet(fault, rpc);
}

/** Whether calls of `rpc` can meet a fault, at a store that it is meant for. */
export function mayMeet(fault: Fault, rpc: string): boolean {
  if (fault.kind === 'no-1pc') return rpc === 'KvPrewrite';
  if (fault.rpc !== undefined) return fault.rpc === rpc;
  const meant = defaultRpcs[fault.kind];
  return meant === undefined ? !placementDriverRpcs.has(rpc) : meant.includes(rpc);
}
