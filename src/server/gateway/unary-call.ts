import type { GrpcStatus, Message } from '../../transport/index.ts';
import type { MessageShape } from '../../wire/index.ts';
import { GatewayCall, type GatewayCallOptions } from './call.ts';
import { JsonEncoder } from './json-encoder.ts';
import { JsonSender } from './json-sender.ts';
import { closeMessage } from './slice-cursor.ts';
import { DEADLINE_EXCEEDED, errorHeaders, httpStatusOf, MESSAGE_HEADERS, statusJson } from './status.ts';

/** A call with one answer. */
export class GatewayUnaryCall extends GatewayCall {
  readonly #response: MessageShape;

  constructor(options: GatewayCallOptions, response: MessageShape) {
    super(options);
    this.#response = response;
  }

  /** A `Reply`. */
  reply(status: GrpcStatus | undefined, response: Message = []): void {
    if (!this.finish()) closeMessage(response);
    else if (status !== undefined) this.#fail(status);
    else this.#answer(response);
  }

  protected override expired(): void {
    this.#fail(DEADLINE_EXCEEDED);
  }

  #fail(status: GrpcStatus): void {
    this.exchange.respond(httpStatusOf(status), errorHeaders(status), statusJson(status, 'unary'));
  }

  /** A small answer goes at once; of a large one, only what the client takes is made. */
  #answer(message: Message): void {
    const { exchange } = this;
    const encoder = new JsonEncoder(this.#response, message);
    const first = encoder.next();
    if (encoder.isDone) {
      exchange.respond(200, MESSAGE_HEADERS, first);
      return;
    }
    exchange.start(200, MESSAGE_HEADERS);
    const sender = new JsonSender(exchange, () => {
      exchange.finish();
      return undefined;
    });
    sender.begin(encoder, first);
  }
}
