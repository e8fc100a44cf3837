/** A placement driver and stores that say what a test wants, for the parts of the client that talk to both. */
import { silentLogger } from '../../../src/base/index.ts';
import { RpcError } from '../../../src/tikv/errors.ts';
import type { TikvEnvironment } from '../../../src/tikv/environment.ts';
import type { Context, Received, RegionError } from '../../../src/tikv/messages.ts';
import type { PeerInfo, PlacementDriver, RegionInfo, StoreInfo } from '../../../src/tikv/pd/pd.ts';
import type { Rpc, RpcTarget } from '../../../src/tikv/rpc.ts';
import type { StoreMethod, StoreRequests, StoreResponses } from '../../../src/tikv/store-messages.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Asked {
  readonly atMs: number;
  readonly address: string;
  readonly method: StoreMethod;
  readonly timeoutMs: number;
  readonly context: Context;
  readonly request: StoreRequests[StoreMethod];
}

/** What a store does about a call: answers (`regionError` may be left out), or throws. */
export type Serve = (asked: Asked) => object | Promise<object>;

export class ScriptedRpc implements Rpc {
  readonly asked: Asked[] = [];
  readonly dropped: string[] = [];
  readonly #time: VirtualTime;
  readonly #serve: Serve;

  constructor(time: VirtualTime, serve: Serve) {
    this.#time = time;
    this.#serve = serve;
  }

  async call<M extends StoreMethod>(
    { address, method, timeoutMs }: RpcTarget<M>,
    request: StoreRequests[M],
  ): Promise<StoreResponses[M]> {
    const { context } = request;
    if (context === undefined) throw new Error('a request without context');
    const asked = { atMs: this.#time.nowMs(), address, method, timeoutMs, context, request };
    this.asked.push(asked);
    return { regionError: undefined, ...(await this.#serve(asked)) } as unknown as StoreResponses[M];
  }

  drop(address: string): void {
    this.dropped.push(address);
  }

  close(): void {
    throw new Error('only its owner closes it');
  }
}

type Asks = Pick<PlacementDriver, 'region' | 'previousRegion' | 'regions' | 'store'>;

/** A placement driver of which only what is about regions and stores works. */
export function placementDriver(asks: Asks): PlacementDriver {
  const refuse = (): never => {
    throw new Error('nobody asks for this');
  };
  return {
    clusterId: 1n,
    timestamp: refuse,
    updateServiceSafePoint: refuse,
    updateGcSafePoint: refuse,
    gcSafePoint: refuse,
    close: refuse,
    ...asks,
  };
}

/** The middle of every jitter. */
export function virtualEnvironment(time: VirtualTime, next: () => number = () => 0.5): TikvEnvironment {
  return { clock: time, scheduler: time, random: { next, next63: () => 1n }, logger: silentLogger };
}

export function peer(id: bigint, storeId: bigint, rest: Partial<PeerInfo> = {}): PeerInfo {
  return { id, storeId, role: 0, isWitness: false, ...rest };
}

export function up(id: bigint, address: string): StoreInfo {
  return { id, address, state: 'up' };
}

/** A region error as it is received; what is not named is absent. */
export function regionError(error: Partial<Received<RegionError>>): object {
  return { regionError: { message: '', ...error } };
}

export function unanswered(maybeApplied: boolean): never {
  throw new RpcError(14, 'connection lost', maybeApplied);
}

export function region(id: bigint, bounds: [string, string], rest: Partial<RegionInfo> = {}): RegionInfo {
  const peers = rest.peers ?? [peer(id * 10n + 1n, 1n), peer(id * 10n + 2n, 2n), peer(id * 10n + 3n, 3n)];
  return {
    id,
    start: Buffer.from(bounds[0]),
    end: Buffer.from(bounds[1]),
    epoch: { confVer: 3n, version: 5n },
    leader: peers[0]!,
    ...rest,
    peers,
  };
}
