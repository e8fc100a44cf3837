import {
  Client,
  connectivityState,
  Metadata,
  status,
  type ChannelCredentials,
  type ClientDuplexStream,
} from '@grpc/grpc-js';
import type { ChannelOptions, ServiceError } from '@grpc/grpc-js';
import type { EndSignal, Scheduler } from '../base/index.ts';
import type { MethodCodec } from './codec/codec.ts';
import { RpcError, TikvError } from './errors.ts';
import type { Received } from './messages.ts';

/** What a connection is for. */
export type Lane =
  /** Writes and small reads to a store. */
  | 'small'
  /** Scans and batch reads, apart from the others so that a large answer never stands before a commit. */
  | 'large'
  /** The placement driver. */
  | 'pd';

/** Calls under way on one connection; more fail at once, unsent. */
export const CALLS_MAX = 1024;

const LARGE_WINDOW_BYTES = 16 * 1024 * 1024;

const COMMON: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // Two connections to one address must be two, and close with their channel.
  'grpc.use_local_subchannel_pool': 1,
  // Whoever calls decides what is sent again.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3_000,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
};

/** TiKV takes keep-alives at any time; a placement driver, being an etcd, ends connections that send them without calls. */
const OPTIONS: Readonly<Record<Lane, ChannelOptions>> = {
  small: { ...COMMON, 'grpc.keepalive_permit_without_calls': 1 },
  large: {
    ...COMMON,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc-node.flow_control_window': LARGE_WINDOW_BYTES,
  },
  pd: COMMON,
};

/** The server said no before it looked at the request. */
const REFUSALS: ReadonlySet<number> = new Set([
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
]);

export interface UnaryCall<Q, A> {
  readonly method: MethodCodec<Q, A>;
  readonly timeoutMs: number;
  readonly signal?: EndSignal | undefined;
}

interface ChannelParts {
  readonly lane: Lane;
  readonly credentials: ChannelCredentials;
  readonly scheduler: Scheduler;
}

const identity = (bytes: Buffer): Buffer => bytes;

/** One connection to one address, made when it is first needed and again when it is lost. */
export class Channel {
  readonly address: string;
  readonly #client: Client;
  readonly #scheduler: Scheduler;
  #readyCount = 0;
  readonly #calls = new Set<{ cancel(): void }>();

  constructor(address: string, parts: ChannelParts) {
    this.address = address;
    this.#client = new Client(`dns:${address}`, parts.credentials, OPTIONS[parts.lane]);
    this.#scheduler = parts.scheduler;
    this.#watch();
  }

  get callCount(): number {
    return this.#calls.size;
  }

  /** There is a connection now. */
  get isReady(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /** Rejects with RpcError if there is no answer, with TikvError `protocol` if it cannot be read. */
  unary<Q, A>(call: UnaryCall<Q, A>, request: Q): Promise<Received<A>> {
    const { method, signal, timeoutMs } = call;
    if (signal?.aborted === true) return Promise.reject(this.#unsent(status.CANCELLED, 'Aborted'));
    if (this.#calls.size >= CALLS_MAX) {
      return Promise.reject(this.#unsent(status.RESOURCE_EXHAUSTED, `${CALLS_MAX} calls are under way`));
    }
    return new Promise((resolve, reject) => {
      const wasReady = this.isReady;
      const readyCount = this.#readyCount;
      /** Without a connection at any time, the call cannot have left. */
      const failure = (code: status, message: string): RpcError => {
        const wasSent = wasReady || readyCount !== this.#readyCount;
        return new RpcError(code, `${this.address}: ${message}`, wasSent && !REFUSALS.has(code));
      };
      const active = this.#client.makeUnaryRequest(
        method.path,
        identity,
        identity,
        method.request.encode(request),
        new Metadata(),
        {},
        (error: ServiceError | null, bytes?: Buffer) => {
          if (!end()) return;
          if (bytes !== undefined) this.#decode(method, bytes, { resolve, reject });
          else reject(failure(error?.code ?? status.INTERNAL, error?.details ?? 'no answer'));
        },
      );
      /** False if the call has ended already. */
      const end = (): boolean => {
        stopTimer();
        signal?.removeEventListener('abort', aborted);
        return this.#calls.delete(entry);
      };
      const giveUp = (code: status, message: string): void => {
        if (!end()) return;
        active.cancel();
        reject(failure(code, message));
      };
      const aborted = (): void => giveUp(status.CANCELLED, 'Aborted');
      const entry = { cancel: () => giveUp(status.CANCELLED, 'The connection is closed') };
      const stopTimer = this.#scheduler.after(timeoutMs, () => {
        giveUp(status.DEADLINE_EXCEEDED, `No answer within ${Math.round(timeoutMs)} ms`);
      });
      this.#calls.add(entry);
      signal?.addEventListener('abort', aborted);
    });
  }

  /** A stream in both directions, which ends with the channel at the latest. It has no deadline. */
  duplex<Q, A>(method: MethodCodec<Q, A>): ClientDuplexStream<Q, Received<A>> {
    const stream = this.#client.makeBidiStreamRequest<Q, Received<A>>(
      method.path,
      (message) => method.request.encode(message),
      (bytes) => method.answer.decode(bytes),
      new Metadata(),
      {},
    );
    this.#calls.add(stream);
    stream.once('close', () => this.#calls.delete(stream));
    return stream;
  }

  /** No new calls; those under way go on, and the connection closes after them. */
  retire(): void {
    this.#client.close();
  }

  /** Calls under way fail. */
  close(): void {
    for (const call of [...this.#calls]) call.cancel();
    this.#client.close();
  }

  #decode<Q, A>(
    method: MethodCodec<Q, A>,
    bytes: Buffer,
    settle: { resolve: (answer: Received<A>) => void; reject: (error: Error) => void },
  ): void {
    try {
      settle.resolve(method.answer.decode(bytes));
    } catch (cause) {
      const message = `Cannot read the answer of ${this.address} to ${method.path}`;
      settle.reject(new TikvError('protocol', message, { cause, maybeApplied: true }));
    }
  }

  /** Watchers are called before anything is sent on a new connection. */
  #watch(): void {
    const channel = this.#client.getChannel();
    const state = channel.getConnectivityState(false);
    if (state === connectivityState.READY) this.#readyCount += 1;
    if (state !== connectivityState.SHUTDOWN)
      channel.watchConnectivityState(state, Infinity, () => this.#watch());
  }

  #unsent(code: status, message: string): RpcError {
    return new RpcError(code, `${this.address}: ${message}`, false);
  }
}
