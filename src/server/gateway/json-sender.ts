import type { HttpExchange } from '../../transport/index.ts';
import type { JsonEncoder } from './json-encoder.ts';

/** JSON is made this long in one turn of the event loop; then others have theirs. */
const sliceMsMax = 1;

/** Sends what encoders make, one after the other, at the pace of the client and in slices of time. */
export class JsonSender {
  readonly #exchange: HttpExchange;
  readonly #next: () => JsonEncoder | undefined;
  #encoder: JsonEncoder | undefined;
  #state: 'idle' | 'sending' | 'scheduled' | 'blocked' = 'idle';

  /** `next` gives the encoder to go on with when one is done; undefined: nothing to do for now. */
  constructor(exchange: HttpExchange, next: () => JsonEncoder | undefined) {
    this.#exchange = exchange;
    this.#next = next;
    exchange.onDrain(() => {
      if (this.#state === 'blocked') this.#send();
    });
    exchange.onCancel(() => this.#encoder?.close());
  }

  /** Looks whether there is something to send. */
  wake(): void {
    if (this.#state === 'idle') this.#send();
  }

  /** Sends a piece that an encoder has made already, and what comes after it. */
  begin(encoder: JsonEncoder, piece: Uint8Array): void {
    this.#encoder = encoder;
    if (this.#exchange.write(piece)) this.#send();
    else this.#state = 'blocked';
  }

  #send(): void {
    this.#state = 'sending';
    const untilMs = performance.now() + sliceMsMax;
    for (;;) {
      if (this.#exchange.ended) {
        this.#encoder?.close();
        return;
      }
      if (this.#encoder?.isOverdue === true) {
        this.#exchange.destroy();
        return;
      }
      if (this.#encoder === undefined || this.#encoder.isDone) {
        this.#encoder = this.#next();
        if (this.#encoder === undefined) break;
      }
      const piece = this.#encoder.next();
      if (piece.length > 0 && !this.#exchange.write(piece)) {
        this.#state = 'blocked';
        return;
      }
      if (performance.now() >= untilMs) {
        this.#state = 'scheduled';
        setImmediate(() => this.#send());
        return;
      }
    }
    this.#state = 'idle';
  }
}
