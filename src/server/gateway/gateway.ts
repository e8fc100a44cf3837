import {
  GrpcCode,
  HttpBodyError,
  type BidiHandler,
  type GrpcStatus,
  type HttpExchange,
  type Method,
  type Reply,
  type Service,
  type UnaryHandler,
} from '../../transport/index.ts';
import { messageShape, serviceDefinition, type MessageShape } from '../../wire/index.ts';
import { statusOfCode } from '../errors.ts';
import type { PathHandler } from '../http/mux.ts';
import type { GatewayCall, GatewayCallOptions } from './call.ts';
import { decodeJson, type DecodedJson } from './json-decoder.ts';
import { JsonProblem } from './json-reader.ts';
import { JsonRequests } from './json-requests.ts';
import { GATEWAY_ROUTES, type GatewayRoute } from './routes.ts';
import {
  DEADLINE_EXCEEDED,
  errorHeaders,
  httpStatusOf,
  INTERNAL,
  invalidArgument,
  statusJson,
} from './status.ts';
import { GatewayStreamCall } from './stream-call.ts';
import { parseTimeoutMs } from './timeout.ts';
import { GatewayUnaryCall } from './unary-call.ts';

export interface GatewayOptions {
  readonly services: readonly Service[];
  /** A longer request message is refused, as by gRPC. A body may be twice as long: base64 takes more than bytes do. */
  readonly receiveBytesMax: number;
  /** As of the gRPC server: a status refuses the call. */
  readonly refuse?: (header: (name: string) => string | undefined) => GrpcStatus | undefined;
  /** A handler threw, which is a bug. Its call has been answered with Internal. */
  readonly onFault: (error: unknown, path: string) => void;
}

const BODY_BYTES_PER_MESSAGE_BYTE = 2;
/** A shorter time is over before a call could be made. */
const timeoutMsMin = 0.01;
const FORM = 'application/x-www-form-urlencoded';

/** A method of a service with what is needed to speak JSON with it. */
interface Target {
  readonly path: string;
  readonly method: Method;
  readonly request: MessageShape;
  readonly response: MessageShape;
}

/**
 * etcd's JSON gateway (etcd-v3.md A.6): a body in JSON becomes a request message for the same handlers that gRPC calls, and
 * its answers become JSON again. Statuses, headers and texts are those of grpc-gateway as etcd 3.7 sets it up.
 */
export function createGateway(options: GatewayOptions): PathHandler {
  const gateway = new Gateway(options);
  return (exchange, path) => gateway.serve(exchange, path);
}

class Gateway {
  readonly #options: GatewayOptions;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #targets = new Map<GatewayRoute, Target>();
  readonly #bodyBytesMax: number;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#bodyBytesMax = options.receiveBytesMax * BODY_BYTES_PER_MESSAGE_BYTE;
    this.#methods = new Map(
      options.services.flatMap(({ name, methods }) =>
        Object.entries(methods).map(([method, each]) => [`/${name}/${method}`, each] as const),
      ),
    );
  }

  serve(exchange: HttpExchange, path: string): void {
    const override = overriddenMethod(exchange);
    const target = this.#targetOf(path);
    if (target === undefined) {
      fail(exchange, { code: GrpcCode.notFound, message: 'Not Found' });
      return;
    }
    if ((override ?? exchange.method) !== 'POST') {
      fail(exchange, { code: GrpcCode.unimplemented, message: 'Method Not Allowed' });
      return;
    }
    const timeout = exchange.header('grpc-timeout') ?? '';
    const timeoutMs = parseTimeoutMs(timeout);
    if (timeoutMs === undefined || timeoutMs < timeoutMsMin) {
      const malformed = invalidArgument(`invalid grpc-timeout: ${timeout}`);
      fail(exchange, timeoutMs === undefined ? malformed : DEADLINE_EXCEEDED);
      return;
    }
    const call = { exchange, path: target.path, timeoutMs };
    const isEmptied = override !== undefined;
    if (target.method.kind === 'unary') this.#unary(target, call, isEmptied);
    else this.#stream(target, call, isEmptied);
  }

  /** Shapes are made when the first call needs them, because reading proto/ takes long. */
  #targetOf(path: string): Target | undefined {
    const route = GATEWAY_ROUTES.get(path);
    if (route === undefined) return undefined;
    const known = this.#targets.get(route);
    if (known !== undefined) return known;
    const method = this.#methods.get(`/${route.service}/${route.method}`);
    const definition = serviceDefinition(route.service)[route.method];
    if (method === undefined || definition === undefined) return undefined;
    const target: Target = {
      path: definition.path,
      method,
      request: messageShape(definition.requestType),
      response: messageShape(definition.responseType),
    };
    this.#targets.set(route, target);
    return target;
  }

  #unary(target: Target, options: GatewayCallOptions, isEmptied: boolean): void {
    const call = new GatewayUnaryCall(options, target.response);
    const reply: Reply = (status, response) => call.reply(status, response);
    void this.#begin(call, { target, isEmptied, refuse: reply }, (text) => {
      const request = this.#onlyMessage(target, text);
      const refusal = request instanceof Uint8Array ? this.#refusal(call) : request;
      if (refusal !== undefined) reply(refusal);
      else (target.method.handle as UnaryHandler)(request as Uint8Array, call, reply);
    });
  }

  #stream(target: Target, options: GatewayCallOptions, isEmptied: boolean): void {
    const onFault = (error: unknown): void => this.#options.onFault(error, target.path);
    const call = new GatewayStreamCall(options, target.response, onFault);
    // What is wrong before there is a stream is told as in a call with one answer.
    const refuse = (status: GrpcStatus): void => {
      if (call.finish()) fail(options.exchange, status);
    };
    const beginning = { target, isEmptied, refuse };
    if (target.method.kind === 'serverStream') {
      const handle = target.method.handle;
      void this.#begin(call, beginning, (text) => {
        const request = this.#onlyMessage(target, text);
        if (request instanceof Uint8Array) handle(request, call);
        else refuse(request);
      });
    } else if (isEmptied) void this.#begin(call, beginning, () => this.#converse(target, call, true));
    else this.#converse(target, call, false);
  }

  /** Both sides send as long as they like. `isEmptied`: the client has nothing to send. */
  #converse(target: Target, call: GatewayStreamCall, isEmptied: boolean): void {
    const refusal = this.#refusal(call);
    if (refusal !== undefined) {
      call.end(refusal);
      return;
    }
    try {
      (target.method.handle as BidiHandler)(call);
    } catch (error) {
      call.end(INTERNAL);
      this.#options.onFault(error, target.path);
      return;
    }
    if (isEmptied) call.receive({ next: () => undefined });
    else if (!call.ended) call.receive(this.#requests(target, call));
  }

  /** Reads the body and goes on with its text. */
  async #begin(call: GatewayCall, how: Beginning, run: (text: string) => void): Promise<void> {
    try {
      const body = await call.body(this.#bodyBytesMax);
      // The deadline may be over by now, or the client gone.
      if (!call.ended) run(how.isEmptied ? '' : body.toString('latin1'));
    } catch (error) {
      if (!(error instanceof HttpBodyError)) {
        how.refuse(INTERNAL);
        this.#options.onFault(error, how.target.path);
      } else if (error.code === 'tooLarge') {
        const message = `engram: request body larger than max (${this.#bodyBytesMax} bytes)`;
        how.refuse({ code: GrpcCode.resourceExhausted, message });
      } else {
        call.cancel(GrpcCode.canceled);
      }
    }
  }

  #refusal(call: GatewayCall): GrpcStatus | undefined {
    return this.#options.refuse?.((name) => call.metadata(name));
  }

  /** The message of a call with one request: the first value of the body, or nothing. */
  #onlyMessage({ request }: Target, text: string): Uint8Array | GrpcStatus {
    let decoded: DecodedJson | undefined;
    try {
      decoded = decodeJson(request, text);
    } catch (error) {
      if (!(error instanceof JsonProblem)) throw error;
      return statusOfProblem(error);
    }
    const bytes = decoded?.bytes ?? NOTHING;
    return this.#tooLarge(bytes) ?? bytes;
  }

  #requests({ request }: Target, call: GatewayStreamCall): JsonRequests {
    return new JsonRequests({
      open: (options) => call.stream(options),
      shape: request,
      bytesMax: this.#bodyBytesMax,
      refuse: (message) => this.#tooLarge(message),
      onMore: () => call.wake(),
      onRefused: (status) => call.fail(status),
    });
  }

  #tooLarge({ length }: Uint8Array): GrpcStatus | undefined {
    const max = this.#options.receiveBytesMax;
    if (length <= max) return undefined;
    return {
      code: GrpcCode.resourceExhausted,
      message: `grpc: received message larger than max (${length} vs. ${max})`,
    };
  }
}

interface Beginning {
  readonly target: Target;
  /** Nothing is left of the body. */
  readonly isEmptied: boolean;
  /** Answers instead of the method. */
  readonly refuse: (status: GrpcStatus) => void;
}

const NOTHING = new Uint8Array(0);

/**
 * Another method in a header, which grpc-gateway heeds for forms, so that a query too long for a path can be posted. It
 * reads the form for it, and then nothing is left of the body.
 */
function overriddenMethod(exchange: HttpExchange): string | undefined {
  const override = exchange.header('x-http-method-override') ?? '';
  const isForm = exchange.method === 'POST' && exchange.header('content-type') === FORM;
  return override !== '' && isForm ? override.toUpperCase() : undefined;
}

function statusOfProblem({ code, message }: JsonProblem): GrpcStatus {
  // Only transactions hold messages of their own kind.
  if (code === 'tooDeep') return statusOfCode('TooManyOps');
  return code === 'tooMany' ? { code: GrpcCode.resourceExhausted, message } : invalidArgument(message);
}

function fail(exchange: HttpExchange, status: GrpcStatus): void {
  exchange.respond(httpStatusOf(status), errorHeaders(status), statusJson(status, 'unary'));
}
