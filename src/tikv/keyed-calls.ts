import type { Backoff } from './backoff.ts';
import { parallel } from './parallel.ts';
import type { Region } from './region/region.ts';
import type { Regions, SendOptions, Sent, StoreCall } from './region/regions.ts';
import type { StoreMethod, StoreRequests, StoreResponses } from './store-messages.ts';
import { chunks } from './txn/chunks.ts';

/** Requests of one operation that are under way at once. */
export const REQUESTS_MAX = 16;

type Body<M extends StoreMethod> = Omit<StoreRequests[M], 'context'>;

/** A call about one key. */
export interface KeyCall<M extends StoreMethod> {
  readonly method: M;
  readonly key: Buffer;
  readonly request: Body<M>;
  readonly options?: SendOptions | undefined;
}

/** Asks the region of a key until it answers, wherever it moves. Rejects once the budget is used up. */
export async function callForKey<M extends StoreMethod>(
  regions: Regions,
  call: KeyCall<M>,
  backoff: Backoff,
): Promise<StoreResponses[M]> {
  let maybeApplied = false;
  for (;;) {
    const region = await regions.locate(call.key, backoff);
    const options: SendOptions | undefined = maybeApplied ? { ...call.options, retryOf: true } : call.options;
    const body: StoreCall<M> = { method: call.method, request: call.request, options };
    const sent: Sent<StoreResponses[M]> = await regions.send(region, body, backoff);
    if (sent.kind === 'answer') return sent.response;
    maybeApplied ||= sent.maybeApplied;
  }
}

/** A call about many keys, one request for each region that has some of them. */
export interface KeysCall<M extends StoreMethod> {
  readonly method: M;
  /** In order, none twice. */
  readonly keys: readonly Buffer[];
  /** Keys of one request. */
  readonly countMax: number;
  request(keys: readonly Buffer[]): Body<M>;
  /** Takes the answer about some of the keys. What it throws ends the call. */
  answered(keys: readonly Buffer[], response: StoreResponses[M]): void | Promise<void>;
  /** Asked for each request. */
  readonly options?: () => SendOptions;
  /** The keys were sent before and may have been changed. @default false */
  readonly isRetry?: boolean;
}

/** Asks about all keys, at most `REQUESTS_MAX` requests at a time. Keys whose region has changed are asked about again. */
export async function callForKeys<M extends StoreMethod>(
  regions: Regions,
  call: KeysCall<M>,
  backoff: Backoff,
): Promise<void> {
  const limits = { bytesMax: Infinity, countMax: call.countMax };
  const groups = await regions.group(call.keys, (key) => key, backoff);
  const requests: { region: Region; keys: Buffer[] }[] = groups.flatMap(({ region, items }) =>
    chunks(items, () => 0, limits).map((keys) => ({ region, keys })),
  );
  const isSingle = requests.length === 1;
  await parallel(requests, REQUESTS_MAX, async ({ region, keys }) => {
    const own = isSingle ? backoff : backoff.fork();
    const body = { method: call.method, request: call.request(keys), options: optionsOf(call) };
    const sent = await regions.send(region, body, own);
    if (sent.kind === 'answer') await call.answered(keys, sent.response);
    else await callForKeys(regions, { ...call, keys, isRetry: call.isRetry || sent.maybeApplied }, own);
  });
}

function optionsOf<M extends StoreMethod>({ options, isRetry }: KeysCall<M>): SendOptions | undefined {
  return isRetry === true ? { ...options?.(), retryOf: true } : options?.();
}
