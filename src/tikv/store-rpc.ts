import type { Channels } from './channels.ts';
import type { Lane } from './channel.ts';
import { storeCodecs, type MethodCodec, type StoreCodecs } from './codec/codec.ts';
import type { Rpc, RpcTarget } from './rpc.ts';
import type { StoreAnswers, StoreMethod, StoreRequests, StoreResponses } from './store-messages.ts';

const LARGE: ReadonlySet<StoreMethod> = new Set(['KvBatchGet', 'KvScan', 'KvScanLock']);

/** Calls to stores over gRPC: two connections for each, so that large answers never stand before a commit. */
export class StoreRpc implements Rpc {
  readonly #channels: Channels;
  readonly #codecs: StoreCodecs = storeCodecs();

  /** @param channels belong to this from now on. */
  constructor(channels: Channels) {
    this.#channels = channels;
  }

  call<M extends StoreMethod>(target: RpcTarget<M>, request: StoreRequests[M]): Promise<StoreResponses[M]> {
    const { address, timeoutMs, signal } = target;
    const lane: Lane = LARGE.has(target.method) ? 'large' : 'small';
    const method: MethodCodec<StoreRequests[M], StoreAnswers[M]> = this.#codecs[target.method];
    const answer = this.#channels.unary({ address, lane }, { method, timeoutMs, signal }, request);
    return answer as Promise<StoreResponses[M]>;
  }

  drop(address: string): void {
    this.#channels.drop(address);
  }

  close(): void {
    this.#channels.close();
  }
}
