import type { BidiStream, GrpcStatus, Message } from '../../transport/index.ts';
import type { MessageShape } from '../../wire/index.ts';
import { GatewayCall, type GatewayCallOptions } from './call.ts';
import { JsonEncoder } from './json-encoder.ts';
import { JsonSender } from './json-sender.ts';
import { closeMessage, messageBytes } from './slice-cursor.ts';
import {
  DEADLINE_EXCEEDED,
  errorHeaders,
  httpStatusOf,
  INTERNAL,
  MESSAGE_HEADERS,
  statusJson,
} from './status.ts';

/** Bytes of messages that may wait before `send` asks for a pause, and at which it asks for more again. */
const waitingBytesMax = 1024 * 1024;
const waitingBytesLow = waitingBytesMax / 2;
/** What a waiting message costs besides its bytes. */
const messageOverheadBytes = 256;

/** What the client has sent, as messages. */
export interface RequestSource {
  /** The next message; `later` when it has not come yet, and undefined when there is no further one. */
  next(): Uint8Array | 'later' | undefined;
}

/** Requests are decoded this long in one turn of the event loop. */
const sliceMsMax = 1;

/**
 * A call with a stream of answers: a line of `{"result":...}` each, and one of `{"error":...}` if it fails. The requests of
 * the client are decoded one by one, while they come and as the handler takes them; answers do not wait for the last of
 * them. (Go's server of HTTP/1.1 lets etcd answer only when the request has ended; its server of HTTP/2 does as this one.)
 */
export class GatewayStreamCall extends GatewayCall implements BidiStream {
  readonly #response: MessageShape;
  readonly #sender: JsonSender;
  readonly #waiting: Message[] = [];
  #waitingBytes = 0;
  #isFull = false;
  #isStarted = false;
  /** How it ended, once it has. */
  #outcome: { readonly status: GrpcStatus | undefined } | undefined;
  readonly #drainListeners: (() => void)[] = [];
  readonly #onFault: (error: unknown) => void;
  #requests: RequestSource | undefined;
  #onMessage: ((request: Uint8Array) => void) | undefined;
  #onHalfClose: (() => void) | undefined;
  #isPaused = false;
  #isFeeding = false;

  constructor(options: GatewayCallOptions, response: MessageShape, onFault: (error: unknown) => void) {
    super(options);
    this.#response = response;
    this.#onFault = onFault;
    this.#sender = new JsonSender(this.exchange, () => this.#nextEncoder());
    this.exchange.onCancel(() => this.#waiting.splice(0).forEach(closeMessage));
  }

  send(message: Message): boolean {
    if (this.ended) {
      closeMessage(message);
      return false;
    }
    this.#waiting.push(message);
    this.#waitingBytes += costOf(message);
    this.#isFull ||= this.#waitingBytes >= waitingBytesMax;
    this.#begin(200);
    this.#sender.wake();
    return !this.#isFull;
  }

  onDrain(run: () => void): void {
    this.#drainListeners.push(run);
  }

  end(status?: GrpcStatus): void {
    if (!this.finish()) return;
    this.#conclude(status);
  }

  /** Ends it for both sides, because of what the client did. */
  fail(status: GrpcStatus): void {
    if (this.cancel(status.code)) this.#conclude(status);
  }

  onMessage(run: (request: Uint8Array) => void): void {
    this.#onMessage = run;
  }

  onHalfClose(run: () => void): void {
    this.#onHalfClose = run;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#feed();
  }

  /** Gives the handler, which has been called, what the client sends. */
  receive(requests: RequestSource): void {
    this.#requests = requests;
    this.#feed();
  }

  /** The source may have something that it did not have before. */
  wake(): void {
    this.#feed();
  }

  protected override expired(): void {
    this.#conclude(DEADLINE_EXCEEDED);
  }

  #conclude(status: GrpcStatus | undefined): void {
    this.#outcome = { status };
    if (status === undefined) this.#begin(200);
    this.#sender.wake();
  }

  #begin(status: number): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    // etcd's gateway names no type when a stream ends well without a message.
    this.exchange.start(status, this.#waiting.length > 0 ? MESSAGE_HEADERS : {});
  }

  /** What to send next: messages, then the end. */
  #nextEncoder(): JsonEncoder | undefined {
    const message = this.#waiting.shift();
    if (message !== undefined) {
      this.#sent(message);
      return new JsonEncoder(this.#response, message, LINE);
    }
    const outcome = this.#outcome;
    if (outcome === undefined) return undefined;
    this.#outcome = undefined;
    if (outcome.status !== undefined) this.#fail(outcome.status);
    this.exchange.finish();
    return undefined;
  }

  #fail(status: GrpcStatus): void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.exchange.start(httpStatusOf(status), errorHeaders(status));
    }
    this.exchange.write(`{"error":${statusJson(status, 'stream')}}\n`);
  }

  #sent(message: Message): void {
    this.#waitingBytes -= costOf(message);
    if (!this.#isFull || this.#waitingBytes > waitingBytesLow) return;
    this.#isFull = false;
    queueMicrotask(() => {
      for (const run of this.#drainListeners) if (!this.ended) run();
    });
  }

  #feed(): void {
    if (this.#isFeeding || this.#requests === undefined) return;
    this.#isFeeding = true;
    try {
      this.#deliver(this.#requests);
    } catch (error) {
      this.end(INTERNAL);
      this.#onFault(error);
    } finally {
      this.#isFeeding = false;
    }
  }

  #deliver(requests: RequestSource): void {
    const untilMs = performance.now() + sliceMsMax;
    while (!this.#isPaused && !this.ended) {
      const request = requests.next();
      if (this.ended || request === 'later') return;
      if (request === undefined) {
        this.#requests = undefined;
        this.#onHalfClose?.();
        return;
      }
      this.#onMessage?.(request);
      if (performance.now() >= untilMs) {
        setImmediate(() => this.#feed());
        return;
      }
    }
  }
}

const LINE = { prefix: '{"result":', suffix: '}\n', escapesHtml: true };

function costOf(message: Message): number {
  return messageOverheadBytes + messageBytes(message);
}
