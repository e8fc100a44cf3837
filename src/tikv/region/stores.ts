import { Backoff } from '../backoff.ts';
import type { TikvEnvironment } from '../environment.ts';
import { asError, TikvError } from '../errors.ts';
import type { PlacementDriver, StoreInfo } from '../pd/pd.ts';
import type { Rpc } from '../rpc.ts';
import { within } from '../within.ts';

/** For one question to the placement driver, which all who need the answer share. */
const LOOKUP_BUDGET_MS = 15_000;

interface Store {
  readonly address: string;
  /** It did not answer the last time. */
  isSuspect: boolean;
}

type Lookup = { readonly found: StoreInfo } | { readonly failed: Error };

/**
 * Where the stores are, and which of them did not answer of late. A wrong address leads to no answer or to
 * StoreNotMatch, never to a wrong answer, because a request names the peer that is meant.
 */
export class Stores {
  readonly #environment: TikvEnvironment;
  readonly #pd: PlacementDriver;
  readonly #rpc: Rpc;
  readonly #closing = new AbortController();
  /** As many as the cluster has; those that are gone for good have no entry. */
  readonly #stores = new Map<bigint, Store>();
  readonly #lookups = new Map<bigint, Promise<Lookup>>();

  constructor(environment: TikvEnvironment, pd: PlacementDriver, rpc: Rpc) {
    this.#environment = environment;
    this.#pd = pd;
    this.#rpc = rpc;
  }

  /** `host:port`, asked for if unknown; undefined for a store that is gone for good. */
  async address(id: bigint, backoff: Backoff): Promise<string | undefined> {
    for (;;) {
      const known = this.#stores.get(id);
      if (known !== undefined) return known.address;
      const lookup = this.#lookup(id);
      await within(this.#environment, { work: lookup }, backoff);
      const result = await lookup;
      if ('found' in result) return isGone(result.found) ? undefined : result.found.address;
      backoff.check(result.failed);
      if (!(result.failed instanceof TikvError) || result.failed.code !== 'unavailable') throw result.failed;
    }
  }

  /** The last call to it was answered, or none was made yet. */
  isTrusted(id: bigint): boolean {
    return this.#stores.get(id)?.isSuspect !== true;
  }

  answered(id: bigint): void {
    const store = this.#stores.get(id);
    if (store?.isSuspect === true) store.isSuspect = false;
  }

  /** It did not answer: it may have moved, so it is looked up again beside the calls, which go on with what is known. */
  failed(id: bigint): void {
    const store = this.#stores.get(id);
    if (store === undefined) return;
    store.isSuspect = true;
    void this.#lookup(id);
  }

  /**
   * Another store answers at `address`. The connections are closed too, because the name may stand for another machine
   * by now; then the next call asks for the address.
   */
  forget(id: bigint, address: string): void {
    if (this.#stores.get(id)?.address !== address) return;
    this.#stores.delete(id);
    this.#rpc.drop(address);
  }

  /** Ends the lookups under way; they fail. Resolves once none is left. */
  async close(): Promise<void> {
    this.#closing.abort(new TikvError('closed', 'The client was closed'));
    await Promise.all(this.#lookups.values());
  }

  #lookup(id: bigint): Promise<Lookup> {
    let lookup = this.#lookups.get(id);
    if (lookup === undefined) {
      lookup = this.#ask(id).finally(() => this.#lookups.delete(id));
      this.#lookups.set(id, lookup);
    }
    return lookup;
  }

  /** Never rejects. */
  async #ask(id: bigint): Promise<Lookup> {
    try {
      this.#closing.signal.throwIfAborted();
      const backoff = new Backoff(this.#environment, LOOKUP_BUDGET_MS, this.#closing.signal);
      const found = await this.#pd.store(id, backoff);
      this.#learn(found);
      return { found };
    } catch (error) {
      const reason: unknown = this.#closing.signal.aborted ? this.#closing.signal.reason : error;
      return { failed: asError(reason) };
    }
  }

  #learn(found: StoreInfo): void {
    const { id, address } = found;
    const old = this.#stores.get(id);
    if (isGone(found)) this.#stores.delete(id);
    else if (old?.address !== address) this.#stores.set(id, { address, isSuspect: false });
    if (old === undefined || this.#isInUse(old.address)) return;
    this.#environment.logger.info('A store has moved or is gone', {
      store: id,
      from: old.address,
      to: address,
    });
    this.#rpc.drop(old.address);
  }

  #isInUse(address: string): boolean {
    for (const store of this.#stores.values()) if (store.address === address) return true;
    return false;
  }
}

function isGone({ state, address }: StoreInfo): boolean {
  return state === 'tombstone' || address === '';
}
