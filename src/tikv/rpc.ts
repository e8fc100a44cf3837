import type { EndSignal } from '../base/index.ts';
import type { StoreMethod, StoreRequests, StoreResponses } from './store-messages.ts';

/** Where a call goes, and how long it may take. */
export interface RpcTarget<M extends StoreMethod> {
  /** `host:port` */
  readonly address: string;
  readonly method: M;
  readonly timeoutMs: number;
  readonly signal?: EndSignal | undefined;
}

/** Unary calls to stores. No retries: whoever calls knows what an error means for the request. */
export interface Rpc {
  /**
   * Rejects with `RpcError` if no answer came (also after `timeoutMs`, or because the signal was aborted), and with
   * `TikvError` `closed` after `close`, or `protocol` for an answer that cannot be read.
   *
   * @param request its bytes must not change until the promise settles.
   */
  call<M extends StoreMethod>(target: RpcTarget<M>, request: StoreRequests[M]): Promise<StoreResponses[M]>;
  /** Closes the connections to an address that is no longer a store's; calls under way fail. */
  drop(address: string): void;
  /** Calls under way fail. */
  close(): void;
}
