import type { Backoff } from '../backoff.ts';
import { RpcError, TikvError } from '../errors.ts';
import type { Context, Received, RegionError } from '../messages.ts';
import type { PeerInfo } from '../pd/pd.ts';
import type { Rpc } from '../rpc.ts';
import type { StoreMethod, StoreRequests, StoreResponses } from '../store-messages.ts';
import { regionFromStore } from './region.ts';
import type { Region } from './region.ts';
import { describeRegionError, judge } from './region-errors.ts';
import type { Verdict } from './region-errors.ts';
import type { RegionTable } from './region-table.ts';
import type { Sent, StoreCall } from './regions.ts';
import type { Stores } from './stores.ts';

/** For one attempt at a key or a few; a store that takes longer will not answer any more. */
const TIMEOUT_MS = 30_000;
/** Where much is read or changed at once. */
const LONG_TIMEOUT_MS = 60_000;
/** A store gives up a write that it could not begin for so long. */
const EXECUTION_MS_MAX = 20_000;
/** Attempts with one region; then the keys are looked up again, in case that what is known of the region is wrong. */
const ATTEMPTS_MAX = 10;
/** gRPC's UNIMPLEMENTED. */
const UNIMPLEMENTED = 12;
/** gRPC's RESOURCE_EXHAUSTED. */
const RESOURCE_EXHAUSTED = 8;

const READS: ReadonlySet<StoreMethod> = new Set(['KvGet', 'KvBatchGet', 'KvScan', 'KvScanLock']);
const LONG: ReadonlySet<StoreMethod> = new Set(['KvBatchGet', 'KvScan', 'KvScanLock', 'KvResolveLock']);

interface DeliveryParts<M extends StoreMethod> {
  readonly table: RegionTable;
  readonly stores: Stores;
  readonly rpc: Rpc;
  readonly region: Region;
  readonly call: StoreCall<M>;
  readonly backoff: Backoff;
}

/**
 * One request on its way to a region, over all its attempts.
 *
 * 1. The peer that leads is asked, as far as that is known; one that did not answer is not asked again in this delivery,
 *    one that knew nothing better only when another says that it leads. When none is left, the region is forgotten.
 * 2. Every repetition either has waited, or follows news of the cluster, and of those there are only so many without a
 *    wait: the budget bounds everything.
 * 3. `maybeApplied` never goes back to false.
 */
export class Delivery<M extends StoreMethod> {
  readonly #parts: DeliveryParts<M>;
  readonly #region: Region;
  readonly #call: StoreCall<M>;
  readonly #backoff: Backoff;
  /** Peers that are not asked again without a reason, by id. */
  readonly #done = new Set<bigint>();
  /** Those of them that did not answer. */
  readonly #silent = new Set<bigint>();
  #target: PeerInfo;
  #attempts = 0;
  /** Attempts since the last wait. */
  #hurried = 0;
  #maybeApplied = false;

  constructor(parts: DeliveryParts<M>) {
    this.#parts = parts;
    this.#region = parts.region;
    this.#call = parts.call;
    this.#backoff = parts.backoff;
    this.#target = this.#first();
  }

  async run(): Promise<Sent<StoreResponses[M]>> {
    try {
      this.#backoff.check(new Error(`Region ${this.#region.id} was not asked`));
      for (;;) {
        const sent = await this.#attempt();
        if (sent !== undefined) return sent;
      }
    } catch (error) {
      if (!(error instanceof TikvError) || !this.#maybeApplied || error.maybeApplied) throw error;
      throw new TikvError(error.code, error.message, { cause: error.cause ?? error, maybeApplied: true });
    }
  }

  /** Undefined: there is another attempt to make. */
  async #attempt(): Promise<Sent<StoreResponses[M]> | undefined> {
    const target = this.#target;
    const { stores, rpc } = this.#parts;
    const address = await stores.address(target.storeId, this.#backoff);
    if (address === undefined)
      return this.#next('region-miss', new Error(`Store ${target.storeId} is no longer part of the cluster`));
    const timeoutMs = this.#timeoutMs();
    const { method } = this.#call;
    const { signal } = this.#backoff;
    let response: StoreResponses[M];
    try {
      response = await rpc.call({ address, method, timeoutMs, signal }, this.#request(timeoutMs));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return this.#unanswered(error);
    }
    stores.answered(target.storeId);
    const { regionError } = response;
    if (regionError !== undefined) return this.#refused(regionError, address);
    if (this.#region.leader !== target) this.#region.setLeader(target);
    this.#backoff.recovered();
    return { kind: 'answer', response, maybeApplied: this.#maybeApplied };
  }

  async #unanswered(error: RpcError): Promise<Sent<never> | undefined> {
    this.#maybeApplied ||= error.maybeApplied;
    if (this.#backoff.signal?.aborted === true) this.#backoff.check(error);
    if (error.grpcCode === UNIMPLEMENTED)
      throw new TikvError('protocol', `A store does not know ${this.#call.method}`, { cause: error });
    // There are too many calls at once here: that is no fault of the store, and no other could take this one.
    if (error.grpcCode === RESOURCE_EXHAUSTED && !error.maybeApplied) {
      await this.#backoff.wait('server-busy', error);
      return undefined;
    }
    this.#parts.stores.failed(this.#target.storeId);
    this.#silent.add(this.#target.id);
    return this.#next('rpc', error);
  }

  async #refused(error: Received<RegionError>, address: string): Promise<Sent<never> | undefined> {
    const verdict = judge(error, this.#region, this.#call.method);
    const text = `Region ${this.#region.id} on store ${this.#target.storeId}: ${describeRegionError(error)}`;
    const cause = new Error(text);
    switch (verdict.then) {
      case 'follow':
        return this.#follow(verdict.leader, cause);
      case 'resend':
        this.#maybeApplied ||= verdict.maybeApplied === true;
        if (verdict.to === 'next') return this.#next(verdict.wait, cause);
        return this.#again(verdict.wait, cause);
      case 'relocate':
        return this.#relocate(verdict, cause, address);
      case 'undetermined':
        this.#maybeApplied = true;
        await this.#backoff.wait('region-miss', cause);
        return { kind: 'relocate', cause, maybeApplied: this.#maybeApplied };
      case 'fail':
        throw new TikvError(verdict.code, text);
    }
  }

  /** The peer that was asked says which one leads. */
  async #follow(leader: Received<PeerInfo>, cause: Error): Promise<Sent<never> | undefined> {
    const peer = this.#region.peer(leader.id, leader.storeId);
    // The region got a new peer, of which its epoch tells; only who has the new epoch can ask it.
    if (peer === undefined) return this.#relocate({ wait: 'region-miss' }, cause);
    // It did not answer a moment ago. The others will elect one among themselves.
    if (this.#silent.has(peer.id)) return this.#next('region-scheduling', cause);
    // Also if it was asked before: it may have known of no leader, and then become it.
    this.#region.setLeader(peer);
    this.#target = peer;
    return this.#again(undefined, cause);
  }

  /** Another attempt, at a peer that was not asked yet. */
  async #next(wait: Wait, cause: Error): Promise<Sent<never> | undefined> {
    const asked = this.#target;
    this.#done.add(asked.id);
    const next = this.#candidate(asked);
    if (next === undefined) return this.#relocate({ wait }, cause);
    this.#target = next;
    return this.#again(wait, cause);
  }

  /** Another attempt, at the target as it is now. */
  async #again(wait: Wait, cause: Error): Promise<Sent<never> | undefined> {
    this.#attempts++;
    this.#hurried++;
    // Peers that point at each other are asked in a circle only so long.
    const neededWait = this.#hurried > this.#region.peers.length ? (wait ?? 'region-scheduling') : wait;
    if (this.#attempts >= ATTEMPTS_MAX) return this.#relocate({ wait: neededWait ?? 'region-miss' }, cause);
    if (neededWait === undefined) return undefined;
    await this.#backoff.wait(neededWait, cause);
    this.#hurried = 0;
    return undefined;
  }

  async #relocate(how: Relocation, cause: Error, address?: string): Promise<Sent<never>> {
    const { table, stores } = this.#parts;
    table.remove(this.#region);
    const { storeId } = this.#target;
    for (const meta of how.regions ?? []) table.insert(regionFromStore(meta, storeId));
    if (how.forgetsStore === true && address !== undefined) stores.forget(storeId, address);
    if (how.wait !== undefined) await this.#backoff.wait(how.wait, cause);
    return { kind: 'relocate', cause, maybeApplied: this.#maybeApplied };
  }

  /** Whoever leads, unless its store did not answer of late and another's did. */
  #first(): PeerInfo {
    const { leader } = this.#region;
    if (this.#parts.stores.isTrusted(leader.storeId)) return leader;
    const candidate = this.#candidate(leader);
    return candidate !== undefined && this.#parts.stores.isTrusted(candidate.storeId) ? candidate : leader;
  }

  /** A peer other than `than` that can lead and is still to be asked; those whose stores answer come first. */
  #candidate(than: PeerInfo): PeerInfo | undefined {
    const left = this.#region.voters().filter((peer) => peer !== than && !this.#done.has(peer.id));
    return left.find((peer) => this.#parts.stores.isTrusted(peer.storeId)) ?? left[0];
  }

  #request(timeoutMs: number): StoreRequests[M] {
    const { method, request, options } = this.#call;
    const context: Context = {
      regionId: this.#region.id,
      regionEpoch: this.#region.epoch,
      peer: this.#target,
      isRetryRequest: options?.retryOf === true || this.#maybeApplied || this.#attempts > 0,
      ...(READS.has(method) ? {} : { maxExecutionDurationMs: executionMs(timeoutMs) }),
      ...(options?.resolvedLocks === undefined ? {} : { resolvedLocks: options.resolvedLocks }),
      ...(options?.committedLocks === undefined ? {} : { committedLocks: options.committedLocks }),
    };
    // Omit over a type parameter is opaque to the compiler: with its context a request is whole.
    return { ...request, context } as unknown as StoreRequests[M];
  }

  #timeoutMs(): number {
    const { method, options } = this.#call;
    const fullMs = options?.timeoutMs ?? (LONG.has(method) ? LONG_TIMEOUT_MS : TIMEOUT_MS);
    return Math.max(1, Math.min(fullMs, this.#backoff.leftMs));
  }
}

type Wait = Extract<Verdict, { then: 'resend' }>['wait'];
type Relocation = Omit<Extract<Verdict, { then: 'relocate' }>, 'then'>;

function executionMs(timeoutMs: number): bigint {
  return BigInt(Math.ceil(Math.min(EXECUTION_MS_MAX, timeoutMs)));
}
