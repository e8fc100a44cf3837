import { status } from '@grpc/grpc-js';
import type { Backoff } from '../backoff.ts';
import type { UnaryCall } from '../channel.ts';
import type { Channels } from '../channels.ts';
import { pdCodecs, type MethodCodec } from '../codec/codec.ts';
import { RpcError, TikvError } from '../errors.ts';
import type { Received } from '../messages.ts';
import type { PdAnswers, PdMethod, PdRequests, PdResponses } from '../pd-messages.ts';
import { headerError, PdError } from './header.ts';
import type { Members } from './members.ts';

/** For one answer; as long as PD's own client gives it. */
const TIMEOUT_MS = 3000;

const DEADLINE_EXCEEDED: number = status.DEADLINE_EXCEEDED;
/** Asking again would change nothing. */
const HOPELESS: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
]);

type Unary = Exclude<PdMethod, 'Tso'>;

/** A request without what is filled in here. */
export type PdRequest<M extends PdMethod> = Omit<PdRequests[M], 'header'>;

/** Calls that only the leader answers: it is found, followed when it changes, and asked again until the budget is used up. */
export class LeaderCalls {
  readonly #members: Members;
  readonly #channels: Channels;

  constructor(members: Members, channels: Channels) {
    this.#members = members;
    this.#channels = channels;
  }

  /**
   * @throws PdError if the header's error is one that `backoff` cannot get over: see `isFinal`.
   * @throws TikvError `unavailable`, `aborted`, `closed`, `protocol`
   */
  async call<M extends Unary>(method: M, request: PdRequest<M>, backoff: Backoff): Promise<PdResponses[M]> {
    for (;;) {
      const leader = await this.#members.find(backoff);
      const result = await this.#attempt(leader, method, { request, backoff });
      if ('answer' in result) return result.answer;
      this.#members.checkOpen();
      if (!result.isOurs) this.#members.fail(leader);
      await backoff.wait('pd', result.failure);
    }
  }

  async #attempt<M extends Unary>(
    leader: string,
    method: M,
    { request, backoff }: { request: PdRequest<M>; backoff: Backoff },
  ): Promise<{ answer: PdResponses[M] } | { failure: Error; isOurs: boolean }> {
    const clusterId = this.#members.clusterId;
    const codec = pdCodecs()[method] as unknown as MethodCodec<object, PdAnswers[M]>;
    const timeoutMs = Math.min(TIMEOUT_MS, Math.max(1, backoff.leftMs));
    const call = { method: codec, timeoutMs, signal: backoff.signal };
    let answer: Received<PdAnswers[M]>;
    try {
      answer = await this.#channels.unary({ address: leader, lane: 'pd' }, call, {
        ...request,
        header: { clusterId },
      });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (!HOPELESS.has(error.grpcCode)) return { failure: error, isOurs: isOurs(error, call) };
      const message = `The placement driver refuses ${method}: ${error.message}`;
      throw new TikvError('protocol', message, { cause: error });
    }
    const refusal = headerError((answer as PdResponses['GetMembers']).header, clusterId);
    if (refusal === undefined) return { answer: answer as PdResponses[M] };
    if (isFinal(refusal)) throw refusal;
    return { failure: refusal, isOurs: false };
  }
}

/** Nothing is said against the leader by a call that was ended here: by its caller, or before an answer was due. */
function isOurs(
  { grpcCode }: RpcError,
  { timeoutMs, signal }: Pick<UnaryCall<unknown, unknown>, 'timeoutMs' | 'signal'>,
): boolean {
  return signal?.aborted === true || (grpcCode === DEADLINE_EXCEEDED && timeoutMs < TIMEOUT_MS);
}

/** No other member, and no later time, brings another answer. */
function isFinal(error: PdError): boolean {
  return isUnknownStore(error);
}

/** The store that was asked for was never there, or is there no more. */
export function isUnknownStore(error: unknown): boolean {
  return error instanceof PdError && /invalid store id.*not found/i.test(error.message);
}
