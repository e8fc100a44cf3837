import {
  GrpcCode,
  type BodyStream,
  type BodyStreamOptions,
  type Call,
  type HttpExchange,
} from '../../transport/index.ts';

/** Timers take no longer delay; a client that waits for 24 days has another reason to give up. */
const timerMsMax = 0x7fffffff;

/** Headers that grpc-gateway passes on under a name of its own; others only if they start with `grpc-metadata-`. */
const PERMANENT = new Set([
  'accept', 'accept-charset', 'accept-language', 'accept-ranges', 'authorization', 'cache-control', 'content-type', 'cookie',
  'date', 'expect', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-schedule-tag-match',
  'if-unmodified-since', 'max-forwards', 'origin', 'pragma', 'referer', 'user-agent', 'via', 'warning',
]); // prettier-ignore
const PERMANENT_PREFIX = 'grpcgateway-';

export interface GatewayCallOptions {
  readonly exchange: HttpExchange;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** How long the client waits; Infinity when it did not say. */
  readonly timeoutMs: number;
}

/** What is common to the calls that the gateway makes for an HTTP request. */
export abstract class GatewayCall implements Call {
  readonly path: string;
  readonly deadlineMs: number;
  protected readonly exchange: HttpExchange;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #cancelListeners: ((code: number) => void)[] = [];

  constructor({ exchange, path, timeoutMs }: GatewayCallOptions) {
    this.exchange = exchange;
    this.path = path;
    this.deadlineMs = Date.now() + timeoutMs;
    if (timeoutMs < timerMsMax) {
      this.#timer = setTimeout(() => this.#expired(), Math.max(0, timeoutMs));
    }
    exchange.onCancel(() => this.cancel(GrpcCode.canceled));
  }

  get peer(): string {
    return this.exchange.peer;
  }

  get ended(): boolean {
    return this.#ended;
  }

  metadata(name: string): string | undefined {
    const { exchange } = this;
    if (name === 'authorization') return exchange.header(name);
    if (name === 'x-forwarded-host') return exchange.header(name) ?? exchange.host;
    if (name.startsWith(PERMANENT_PREFIX)) {
      const permanent = name.slice(PERMANENT_PREFIX.length);
      return PERMANENT.has(permanent) ? exchange.header(permanent) : undefined;
    }
    const value = exchange.header(`grpc-metadata-${name}`);
    return value === undefined || /[^\x20-\x7e]/.test(value) ? undefined : value;
  }

  /** The whole request. Rejects with HttpBodyError. */
  body(bytesMax: number): Promise<Buffer> {
    return this.exchange.body(bytesMax);
  }

  /** The request while it comes. */
  stream(options: BodyStreamOptions): BodyStream {
    return this.exchange.stream(options);
  }

  onCancel(run: (code: number) => void): void {
    this.#cancelListeners.push(run);
  }

  /** Ends the call for its handler, because nobody waits for it any more. False when it had ended before. */
  cancel(code: number): boolean {
    if (!this.finish()) return false;
    for (const run of this.#cancelListeners) run(code);
    return true;
  }

  /** Marks the call as ended by its handler. False when it had ended before. */
  finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#timer);
    return true;
  }

  /** The client's time is over; the call has just been cancelled. */
  protected abstract expired(): void;

  #expired(): void {
    if (this.cancel(GrpcCode.deadlineExceeded)) this.expired();
  }
}
