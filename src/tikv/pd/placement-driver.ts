import { Backoff } from '../backoff.ts';
import { Channels } from '../channels.ts';
import type { TikvEnvironment } from '../environment.ts';
import { asError, RpcError, TikvError } from '../errors.ts';
import { StoreState } from '../messages.ts';
import type { Credentials } from '../tls.ts';
import { parseEndpoint } from './endpoints.ts';
import { isUnknownStore, LeaderCalls } from './leader-calls.ts';
import { Members } from './members.ts';
import type { PlacementDriver, RegionInfo, RegionsRange, ServiceSafePoint, StoreInfo } from './pd.ts';
import { RegionLookup } from './region-lookup.ts';
import { TIMESTAMP_MS_MAX, Timestamps } from './timestamps.ts';

/** For calls whose caller brings no patience of his own. */
const BUDGET_MS = 15_000;

const STATES: Readonly<Record<number, StoreInfo['state']>> = {
  [StoreState.Up]: 'up',
  [StoreState.Offline]: 'offline',
  [StoreState.Tombstone]: 'tombstone',
};

export interface PlacementDriverOptions {
  /** `host:port`, with or without a scheme; at least one member's, better all. */
  readonly endpoints: readonly string[];
  readonly environment: TikvEnvironment;
  /** @default plain text */
  readonly credentials?: Credentials | undefined;
  /** How long to look for a leader. @default 15 s */
  readonly backoff?: Backoff | undefined;
}

/** Finds the leader and the cluster's id. Rejects with TikvError `unavailable` or `invalid`, and leaves nothing behind then. */
export async function openPlacementDriver(options: PlacementDriverOptions): Promise<PlacementDriver> {
  const { environment, credentials } = options;
  if (options.endpoints.length === 0) throw new TikvError('invalid', 'No placement driver is given');
  const given = options.endpoints.map(parseEndpoint);
  const channels = new Channels({
    scheduler: environment.scheduler,
    ...(credentials === undefined ? {} : { credentials }),
  });
  const members = new Members({ given, channels, environment });
  const client = new PlacementDriverClient({ members, channels, environment });
  try {
    await members.find(options.backoff ?? new Backoff(environment, BUDGET_MS));
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

interface ClientParts {
  readonly members: Members;
  readonly channels: Channels;
  readonly environment: TikvEnvironment;
}

class PlacementDriverClient implements PlacementDriver {
  readonly #members: Members;
  readonly #channels: Channels;
  readonly #environment: TikvEnvironment;
  readonly #calls: LeaderCalls;
  readonly #regions: RegionLookup;
  readonly #timestamps: Timestamps;
  #isClosed = false;

  constructor(parts: ClientParts) {
    this.#members = parts.members;
    this.#channels = parts.channels;
    this.#environment = parts.environment;
    this.#calls = new LeaderCalls(parts.members, parts.channels);
    this.#regions = new RegionLookup(this.#calls);
    this.#timestamps = new Timestamps(parts);
  }

  get clusterId(): bigint {
    return this.#members.clusterId;
  }

  async timestamp(backoff = this.#patience()): Promise<bigint> {
    for (;;) {
      this.#checkOpen();
      backoff.checkSignal();
      const leader = this.#members.leader ?? (await this.#members.find(backoff));
      try {
        return await this.#patiently(backoff, this.#timestamps.next(leader, this.#members.clusterId));
      } catch (error) {
        this.#checkOpen();
        if (!(error instanceof RpcError)) throw error;
        this.#members.fail(leader);
        await backoff.wait('pd', error);
      }
    }
  }

  region(key: Uint8Array, backoff: Backoff): Promise<RegionInfo> {
    return this.#regions.holding(key, backoff);
  }

  previousRegion(end: Uint8Array, backoff: Backoff): Promise<RegionInfo> {
    return this.#regions.below(end, backoff);
  }

  regions(range: RegionsRange, backoff: Backoff): Promise<RegionInfo[]> {
    return this.#regions.range(range, backoff);
  }

  async store(id: bigint, backoff: Backoff): Promise<StoreInfo> {
    try {
      const { store } = await this.#calls.call('GetStore', { storeId: id }, backoff);
      if (store === undefined) return { id, address: '', state: 'tombstone' };
      return { id: store.id, address: store.address, state: STATES[store.state ?? 0] ?? 'up' };
    } catch (error) {
      if (isUnknownStore(error)) return { id, address: '', state: 'tombstone' };
      throw error;
    }
  }

  async updateServiceSafePoint(request: ServiceSafePoint, backoff = this.#patience()): Promise<bigint> {
    const answer = await this.#calls.call(
      'UpdateServiceGCSafePoint',
      {
        serviceId: Buffer.from(request.serviceId),
        TTL: request.ttlSeconds,
        safePoint: request.safePoint,
      },
      backoff,
    );
    return answer.minSafePoint;
  }

  async updateGcSafePoint(safePoint: bigint, backoff = this.#patience()): Promise<bigint> {
    const answer = await this.#calls.call('UpdateGCSafePoint', { safePoint }, backoff);
    return answer.newSafePoint;
  }

  async gcSafePoint(backoff = this.#patience()): Promise<bigint> {
    const answer = await this.#calls.call('GetGCSafePoint', {}, backoff);
    return answer.safePoint;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#members.close();
    this.#timestamps.fail(new TikvError('closed', 'The client is closed'));
    this.#channels.close();
    return Promise.resolve();
  }

  /** `timestamp`, unless the caller's patience ends first. Most outlast the stream's own time, and need no timer. */
  #patiently(backoff: Backoff, timestamp: Promise<bigint>): Promise<bigint> {
    const { leftMs, signal } = backoff;
    const isShort = leftMs < TIMESTAMP_MS_MAX;
    if (signal === undefined && !isShort) return timestamp;
    return new Promise((resolve, reject) => {
      const late = (): void =>
        reject(new TikvError('unavailable', `No timestamp came within ${Math.round(leftMs)} ms`));
      const aborted = (): void => {
        try {
          backoff.checkSignal();
        } catch (error) {
          reject(asError(error));
        }
      };
      const cancel = isShort ? this.#environment.scheduler.after(leftMs, late) : undefined;
      signal?.addEventListener('abort', aborted);
      const done = (): void => {
        cancel?.();
        signal?.removeEventListener('abort', aborted);
      };
      timestamp.then(resolve, reject).finally(done);
    });
  }

  #patience(): Backoff {
    return new Backoff(this.#environment, BUDGET_MS);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new TikvError('closed', 'The client is closed');
  }
}
