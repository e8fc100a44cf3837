import type { Bytes } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import type { TikvEnvironment } from '../environment.ts';
import type { PlacementDriver } from '../pd/pd.ts';
import type { Rpc } from '../rpc.ts';
import type { StoreMethod, StoreResponses } from '../store-messages.ts';
import { Delivery } from './delivery.ts';
import { RegionLoader, successor } from './region-loader.ts';
import type { Region } from './region.ts';
import { RegionTable } from './region-table.ts';
import type { Group, Regions, Sent, StoreCall } from './regions.ts';
import { Stores } from './stores.ts';

export interface RegionClientParts {
  readonly environment: TikvEnvironment;
  readonly pd: PlacementDriver;
  readonly rpc: Rpc;
}

/**
 * Regions as remembered: what was learned from the placement driver and from stores is used until a store contradicts.
 * Memory that is out of date costs round trips; answers are always those of the region that owns the keys.
 */
export class RegionClient implements Regions {
  readonly #table: RegionTable;
  readonly #loader: RegionLoader;
  readonly #stores: Stores;
  readonly #rpc: Rpc;

  /** `pd` and `rpc` stay the caller's to close. */
  constructor({ environment, pd, rpc }: RegionClientParts) {
    this.#table = new RegionTable(environment.random);
    this.#loader = new RegionLoader(environment, pd, this.#table);
    this.#stores = new Stores(environment, pd, rpc);
    this.#rpc = rpc;
  }

  locate(key: Bytes, backoff: Backoff): Promise<Region> {
    return this.#loader.at(key, backoff);
  }

  locateBefore(end: Bytes, backoff: Backoff): Promise<Region> {
    return this.#loader.below(end, backoff);
  }

  async group<T>(items: readonly T[], keyOf: (item: T) => Bytes, backoff: Backoff): Promise<Group<T>[]> {
    const groups: Group<T>[] = [];
    let group: Group<T> | undefined;
    for (const item of items) {
      const key = keyOf(item);
      if (group?.region.contains(key) !== true) {
        const end = successor(keyOf(items[items.length - 1]!));
        const region = this.#table.find(key) ?? (await this.#loader.at(key, backoff, end));
        group = { region, items: [] };
        groups.push(group);
      }
      group.items.push(item);
    }
    return groups;
  }

  send<M extends StoreMethod>(
    region: Region,
    call: StoreCall<M>,
    backoff: Backoff,
  ): Promise<Sent<StoreResponses[M]>> {
    const parts = { table: this.#table, stores: this.#stores, rpc: this.#rpc };
    return new Delivery({ ...parts, region, call, backoff }).run();
  }

  /** Ends what goes on beside the calls. Calls under way end with their backoff's signal, `pd` and `rpc`. */
  async close(): Promise<void> {
    await this.#stores.close();
  }
}
