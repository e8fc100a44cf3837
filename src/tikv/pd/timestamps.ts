import { status, type ClientDuplexStream } from '@grpc/grpc-js';
import type { Channels } from '../channels.ts';
import { pdCodecs } from '../codec/codec.ts';
import type { TikvEnvironment } from '../environment.ts';
import { asError, RpcError, TikvError } from '../errors.ts';
import type { PdRequests, PdResponses } from '../pd-messages.ts';
import { composeTimestamp } from '../timestamp.ts';
import { headerError } from './header.ts';

/** Requests that are sent before the first of them is answered; more waiters make the next request larger. */
const IN_FLIGHT_MAX = 16;
/** Timestamps of one request. A millisecond has 2^18. */
const BATCH_MAX = 8192;
/** Callers that wait to be sent; more are refused. */
const WAITERS_MAX = 262_144;
/** Without an answer for so long, the stream is given up. */
export const TIMESTAMP_MS_MAX = 3000;

type Stream = ClientDuplexStream<PdRequests['Tso'], PdResponses['Tso']>;

interface Waiter {
  readonly resolve: (timestamp: bigint) => void;
  readonly reject: (error: Error) => void;
}

interface Request {
  readonly waiters: readonly Waiter[];
  readonly sentMs: number;
}

interface TimestampsParts {
  readonly channels: Channels;
  readonly environment: TikvEnvironment;
}

/**
 * Timestamps from one leader at a time, over one stream.
 *
 * 1. A request is sent after everybody who gets a timestamp from it has asked: whoever asks later never joins it.
 * 2. Everybody gets a timestamp of his own, in the order of asking, and every timestamp is larger than all before it,
 *    over all streams and leaders; an answer that breaks this is a `protocol` error of those who wait for it.
 * 3. When a stream ends, all who wait are refused with the reason, an RpcError. Its later answers count for nothing.
 */
export class Timestamps {
  readonly #channels: Channels;
  readonly #environment: TikvEnvironment;
  #waiting: Waiter[] = [];
  #inFlight: Request[] = [];
  #isFlushing = false;
  #stream: Stream | undefined;
  #address = '';
  #clusterId = 0n;
  /** Counts the streams, so that what belongs to an earlier one is known. */
  #generation = 0;
  #isOpening = false;
  #last = 0n;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: TimestampsParts) {
    this.#channels = parts.channels;
    this.#environment = parts.environment;
  }

  /** The largest timestamp that was received. */
  get last(): bigint {
    return this.#last;
  }

  /** Rejects with RpcError if the leader must be looked for again, or with TikvError `protocol`. */
  next(leader: string, clusterId: bigint): Promise<bigint> {
    if (leader !== this.#address) this.#turnTo(leader, clusterId);
    if (this.#waiting.length >= WAITERS_MAX) {
      const message = `${WAITERS_MAX} callers wait for a timestamp`;
      return Promise.reject(new RpcError(status.RESOURCE_EXHAUSTED, message, false));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#isFlushing) return;
      this.#isFlushing = true;
      this.#environment.scheduler.soon(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    });
  }

  /** Whoever waits is refused with `error`. */
  fail(error: Error): void {
    this.#generation += 1;
    this.#isOpening = false;
    this.#stream?.cancel();
    this.#stream = undefined;
    this.#address = '';
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const refused = [...this.#inFlight.flatMap((request) => request.waiters), ...this.#waiting];
    this.#inFlight = [];
    this.#waiting = [];
    for (const { reject } of refused) reject(error);
  }

  #turnTo(leader: string, clusterId: bigint): void {
    if (this.#address !== '') this.fail(rpcError(status.CANCELLED, `Another member leads: ${leader}`));
    this.#address = leader;
    this.#clusterId = clusterId;
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const stream = this.#stream;
    if (stream === undefined) {
      if (!this.#isOpening) void this.#open();
      return;
    }
    while (this.#waiting.length > 0 && this.#inFlight.length < IN_FLIGHT_MAX) {
      const isAll = this.#waiting.length <= BATCH_MAX;
      const waiters = isAll ? this.#waiting : this.#waiting.slice(0, BATCH_MAX);
      this.#waiting = isAll ? [] : this.#waiting.slice(BATCH_MAX);
      this.#inFlight.push({ waiters, sentMs: this.#environment.clock.nowMs() });
      stream.write({ header: { clusterId: this.#clusterId }, count: waiters.length });
    }
    if (this.#cancelTimer === undefined) this.#watch(TIMESTAMP_MS_MAX);
  }

  async #open(): Promise<void> {
    const generation = this.#generation;
    this.#isOpening = true;
    try {
      const channel = await this.#channels.channel({ address: this.#address, lane: 'pd' });
      if (generation !== this.#generation) return;
      this.#isOpening = false;
      const stream: Stream = channel.duplex(pdCodecs().Tso);
      this.#stream = stream;
      stream.on('data', (answer: PdResponses['Tso']) => {
        if (this.#stream === stream) this.#answered(answer);
      });
      const ended = (error: Error): void => {
        if (this.#stream === stream) this.fail(error);
      };
      stream.on('error', (error: Error & { code?: number; details?: string }) =>
        ended(rpcError(error.code ?? status.UNKNOWN, error.details ?? error.message)),
      );
      stream.on('end', () => ended(rpcError(status.UNAVAILABLE, 'The stream of timestamps has ended')));
      this.#flush();
    } catch (error) {
      if (generation === this.#generation) this.fail(asError(error));
    }
  }

  #answered(answer: PdResponses['Tso']): void {
    const refusal = headerError(answer.header, this.#clusterId);
    if (refusal !== undefined) return this.fail(rpcError(status.UNAVAILABLE, refusal.message));
    const request = this.#inFlight.shift();
    if (request === undefined)
      return this.fail(rpcError(status.INTERNAL, 'A timestamp came that nobody asked for'));
    const { waiters } = request;
    const step = 1n << BigInt(answer.timestamp?.suffixBits ?? 0);
    const largest = composeTimestamp(answer.timestamp?.physical ?? 0n, answer.timestamp?.logical ?? 0n);
    let timestamp = largest - BigInt(waiters.length - 1) * step;
    const isShort = answer.count !== waiters.length;
    if (isShort || timestamp <= this.#last) {
      const message = `${answer.count} timestamps up to ${largest} came for ${waiters.length} after ${this.#last}`;
      // A placement driver that was set back to a backup gives good ones again once its clock has caught up.
      const code = isShort ? 'protocol' : 'unavailable';
      const error = new TikvError(code, `Timestamps must only grow: ${message}`);
      for (const { reject } of waiters) reject(error);
      return this.fail(rpcError(status.INTERNAL, error.message));
    }
    this.#last = largest;
    for (const { resolve } of waiters) {
      resolve(timestamp);
      timestamp += step;
    }
    this.#flush();
  }

  /** One timer for all requests: it looks at the oldest. */
  #watch(delayMs: number): void {
    this.#cancelTimer = this.#environment.scheduler.after(delayMs, () => {
      this.#cancelTimer = undefined;
      const oldest = this.#inFlight[0];
      if (oldest === undefined) return;
      const leftMs = oldest.sentMs + TIMESTAMP_MS_MAX - this.#environment.clock.nowMs();
      if (leftMs > 0) return this.#watch(leftMs);
      this.fail(rpcError(status.DEADLINE_EXCEEDED, `No timestamp came within ${TIMESTAMP_MS_MAX} ms`));
    });
  }
}

function rpcError(code: status, message: string): RpcError {
  return new RpcError(code, message, false);
}
