import type { Bytes, Random } from '../base/index.ts';
import { compareBytes } from '../base/index.ts';
import type { LeaseGrantRequest } from '../wire/index.ts';
import { proposeRemove } from './changes.ts';
import { LEASE_TTL_MAX } from './limits.ts';
import type { Lease } from './leases.ts';
import type { Lessor } from './lessor.ts';
import { mergeSort } from './merge-sort.ts';
import { GRANT_COST } from './quota.ts';
import type { Done, LeaseGrantResult, LeasesResult, RevisionResult, TimeToLiveResult } from './results.ts';
import type { Steps } from './slices.ts';
import type { State } from './state.ts';
import type { Evaluated } from './steps-call.ts';
import { StepsCall } from './steps-call.ts';
import { ProposingCall } from './write-call.ts';
import type { WriteParts } from './write-parts.ts';
import type { Progress } from './write-queue.ts';

/** LeaseGrant (etcd-v3.md B.8). Its own result. */
export class GrantCall extends ProposingCall<LeaseGrantResult> implements LeaseGrantResult {
  revision = 0;
  id: bigint;
  readonly ttl: number;
  readonly #random: Random;
  readonly #requestedTtl: number;

  constructor(
    parts: WriteParts,
    request: LeaseGrantRequest,
    options: { random: Random; ttlMin: number },
    done: Done<LeaseGrantResult>,
  ) {
    super(parts, GRANT_COST, done);
    this.id = request.id;
    this.ttl = Math.max(request.ttl, options.ttlMin);
    this.#requestedTtl = request.ttl;
    this.#random = options.random;
  }

  run(): Progress {
    const { state, writer, quota, limits } = this.parts;
    const { pending, leases } = state;
    if (pending.alarms) return 'wait';
    if (state.alarms.corrupt) return this.fail('Corrupt');
    if (state.alarms.noSpace || !quota.admits(GRANT_COST)) return this.fail('NoSpace');
    if (this.#requestedTtl > LEASE_TTL_MAX) return this.fail('LeaseTTLTooLarge');
    while (this.id === 0n) {
      const id = this.#random.next63();
      if (leases.get(id) === undefined && !pending.lease(id)) this.id = id;
    }
    if (pending.lease(this.id)) return 'wait';
    if (leases.get(this.id) !== undefined) return this.fail('LeaseExist');
    if (leases.count + pending.grants >= limits.leasesMax) return this.fail('TooManyRequests');
    this.revision = writer.proposedRevision;
    const record = { kind: 'grant', id: this.id, ttl: this.ttl } as const;
    writer.record(record);
    pending.proposed(record);
    return this.seal();
  }

  protected result(): LeaseGrantResult {
    return this;
  }
}

/** LeaseRevoke, and the expiry of a lease: all its keys in one revision, in their order. Its own result. */
export class RevokeCall extends StepsCall<RevisionResult> implements RevisionResult {
  readonly #id: bigint;
  /** For an expiry: the lease may have got time back while this was queued. */
  readonly #isDue: ((lease: Lease) => boolean) | undefined;
  revision = 0;

  constructor(
    parts: WriteParts,
    request: { id: bigint; isDue?: (lease: Lease) => boolean },
    done: Done<RevisionResult>,
  ) {
    super(parts, GRANT_COST, done);
    this.#id = request.id;
    this.#isDue = request.isDue;
  }

  protected *evaluate(): Steps<Evaluated> {
    const { parts } = this;
    const { state } = parts;
    if (state.pending.alarms || state.pending.lease(this.#id)) return 'wait';
    if (state.alarms.corrupt) return 'Corrupt';
    const lease = state.leases.get(this.#id);
    if (lease === undefined) return 'LeaseNotFound';
    if (this.#isDue !== undefined && !this.#isDue(lease)) return 'Canceled';
    // From here on a keep-alive comes too late, also one that comes between two slices.
    state.pending.ending = this.#id;
    try {
      return yield* this.#end(lease);
    } finally {
      state.pending.ending = undefined;
    }
  }

  *#end(lease: Lease): Steps<Evaluated> {
    const { parts } = this;
    const { state, index, writer } = parts;
    const base = writer.proposedRevision;
    const attached = state.leases.attached(lease);
    const keys = yield* mergeSort(
      attached,
      (a, b) => compareBytes(index.keyBytes(a), index.keyBytes(b)),
      parts.budget,
    );
    let bytes = 0;
    for (let i = 0; i < keys.length; i++) {
      bytes += index.keyBytes(keys[i]!).length;
      if ((i & 511) === 511 && parts.budget.spend(512)) yield undefined;
    }
    if (!writer.fits(bytes, keys.length + 1)) return 'RequestTooLarge';
    yield* this.propose(keys.length, this.#remove(keys, base + 1));
    this.revision = keys.length > 0 ? base + 1 : base;
    const record = { kind: 'revoke', id: this.#id } as const;
    writer.record(record);
    state.pending.proposed(record);
    return 'sealed';
  }

  *#remove(keys: Uint32Array, revision: number): Steps<void> {
    for (let i = 0; i < keys.length; i++) {
      proposeRemove(this.parts, keys[i]!, revision, i);
      if (this.parts.budget.spend(16)) yield undefined;
    }
  }

  protected result(): RevisionResult {
    return this;
  }
}

/** LeaseTimeToLive. What is attached follows proposed writes, so it is answered when they are committed. */
export class TimeToLiveCall extends StepsCall<TimeToLiveResult> implements TimeToLiveResult {
  readonly #id: bigint;
  readonly #wantsKeys: boolean;
  readonly #lessor: Lessor;
  revision = 0;
  ttl = -1;
  grantedTtl = 0;
  keys: Bytes[] = [];

  constructor(
    parts: WriteParts,
    request: { id: bigint; keys: boolean; lessor: Lessor },
    done: Done<TimeToLiveResult>,
  ) {
    super(parts, 0, done);
    this.#id = request.id;
    this.#wantsKeys = request.keys;
    this.#lessor = request.lessor;
  }

  protected *evaluate(): Steps<Evaluated> {
    const { state, index, writer, budget } = this.parts;
    if (state.pending.lease(this.#id)) return 'wait';
    this.revision = writer.proposedRevision;
    const lease = state.leases.get(this.#id);
    if (lease === undefined) return 'unchanged';
    this.ttl = this.#lessor.remainingSeconds(lease);
    this.grantedTtl = lease.ttl;
    if (!this.#wantsKeys) return 'unchanged';
    const attached = state.leases.attached(lease);
    for (let i = 0; i < attached.length; i++) {
      this.keys.push(index.keyBytes(attached[i]!));
      if ((i & 255) === 255 && budget.spend(1024)) yield undefined;
    }
    return 'unchanged';
  }

  protected result(): TimeToLiveResult {
    return this;
  }
}

/** LeaseLeases: the ids, soonest to expire first, in slices. */
export function* leasesSteps(parts: { state: State; budget: WriteParts['budget'] }): Steps<LeasesResult> {
  const all = [...parts.state.leases.all()];
  const times = Float64Array.from(all, (lease) => lease.expiresMs);
  const order = new Uint32Array(all.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  const revision = parts.state.revision;
  const sorted = yield* mergeSort(order, (a, b) => times[a]! - times[b]!, parts.budget);
  const ids = new BigInt64Array(all.length);
  for (let i = 0; i < ids.length; i++) ids[i] = all[sorted[i]!]!.id;
  return { revision, ids };
}
