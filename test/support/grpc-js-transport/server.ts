import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { BidiCall, ServerStreamCall, UnaryCall } from './calls.ts';
import { closeMessage, isSlices, isSource, lengthOf } from '../../../src/transport/grpc/prefix.ts';
import type { GrpcDuplex, GrpcUnaryCall, GrpcWritable, Outgoing } from './calls.ts';
import { answerInGosWords, answerUnknownMethods, refuseCalls } from './texts.ts';
import type { Listener } from '../../../src/transport/index.ts';
import type { GrpcServer, Method, Reply, Service, UnaryHandler } from '../../../src/transport/index.ts';
import { GrpcCode, type GrpcStatus } from '../../../src/transport/index.ts';

export interface GrpcServerOptions {
  readonly services: readonly Service[];
  /** A longer request message is refused with ResourceExhausted before it is read. */
  readonly receiveBytesMax: number;
  /** Calls open at once on one connection; a client must wait with more. */
  readonly streamsPerConnectionMax: number;
  /** Looks at the headers of every call of a known method first; a status refuses it. A character is one byte. */
  readonly refuse?: (header: (name: string) => string | undefined) => GrpcStatus | undefined;
  /** A handler threw, which is a bug. Its call has been answered with Internal. */
  readonly onFault: (error: unknown, path: string) => void;
}

/** A longer response cannot be told to a client of gRPC for Go (its lengths are int32). */
const sendBytesMax = 0x7fffffff;

/** How often an idle connection is checked, and how long its answer may take: etcd's defaults. */
const keepAliveMs = 2 * 60 * 60 * 1000;
const keepAliveTimeoutMs = 20 * 1000;

/** `Buffer.copy` and `byteLength` are all that grpc-js asks of a serialised message, so that parts are copied once. */
interface Serialized {
  readonly byteLength: number;
  copy(target: Buffer, at: number): void;
}

/** gRPC over HTTP/2 without TLS, on `@grpc/grpc-js`, with identity codecs: bytes in, bytes out. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new GrpcJsServer(options);
}

class GrpcJsServer implements GrpcServer {
  readonly #server: Server;
  readonly #listeners: Listener[] = [];
  readonly #injector: ReturnType<Server['createConnectionInjector']>;

  constructor(options: GrpcServerOptions) {
    // It writes to the console what clients do wrong, such as headers that it does not like.
    setLogVerbosity(logVerbosity.NONE);
    this.#server = new Server({
      'grpc.max_receive_message_length': options.receiveBytesMax,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.streamsPerConnectionMax,
      'grpc.keepalive_time_ms': keepAliveMs,
      'grpc.keepalive_timeout_ms': keepAliveTimeoutMs,
      'grpc.enable_channelz': 0,
      interceptors: [answerInGosWords],
    });
    for (const service of options.services) {
      for (const [name, method] of Object.entries(service.methods)) {
        this.#register(`/${service.name}/${name}`, method, options.onFault);
      }
    }
    answerUnknownMethods(this.#server, new Set(options.services.map((service) => service.name)));
    if (options.refuse !== undefined) refuseCalls(this.#server, options.refuse);
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  get connections(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.connections, 0);
  }

  serve(listener: Listener): void {
    this.#listeners.push(listener);
    listener.serve((socket) => this.#injector.injectConnection(socket));
  }

  async drain(graceMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.stop();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
      this.#server.tryShutdown(() => resolve());
    });
    clearTimeout(timer);
    await this.close();
  }

  close(): Promise<void> {
    for (const listener of this.#listeners) listener.destroy();
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #register(path: string, method: Method, onFault: GrpcServerOptions['onFault']): void {
    const handler = grpcHandler(path, method, onFault);
    // grpc-js types serialisers as giving a Buffer; it uses what `Serialized` has and nothing else.
    const serialize = serializeSlices as unknown as (message: Outgoing) => Buffer;
    if (!this.#server.register(path, handler, serialize, identity, method.kind)) {
      throw new Error(`Method ${path} is registered twice`);
    }
  }
}

type AnyHandler =
  | handleUnaryCall<Uint8Array, Outgoing>
  | handleServerStreamingCall<Uint8Array, Outgoing>
  | handleBidiStreamingCall<Uint8Array, Outgoing>;

const internal: GrpcStatus = { code: GrpcCode.internal, message: 'internal error' };

function grpcHandler(path: string, method: Method, onFault: GrpcServerOptions['onFault']): AnyHandler {
  switch (method.kind) {
    case 'unary':
      return unaryHandler(path, method.handle, onFault);
    case 'serverStream':
      return (call: GrpcWritable): void => {
        const stream = new ServerStreamCall(call);
        try {
          method.handle(call.request, stream);
        } catch (error) {
          stream.end(internal);
          onFault(error, path);
        }
      };
    case 'bidi':
      return (call: GrpcDuplex): void => {
        const stream = new BidiCall(call, (error) => onFault(error, path));
        try {
          method.handle(stream);
        } catch (error) {
          stream.end(internal);
          onFault(error, path);
        }
      };
  }
}

function unaryHandler(path: string, handle: UnaryHandler, onFault: GrpcServerOptions['onFault']): AnyHandler {
  return (call: GrpcUnaryCall, callback: sendUnaryData<Outgoing>): void => {
    const adapted = new UnaryCall(call);
    const reply: Reply = (status, response = []) => {
      if (adapted.finish()) sendUnary(callback, status, response);
      else closeMessage(response);
    };
    try {
      handle(call.request, adapted, reply);
    } catch (error) {
      reply(internal);
      onFault(error, path);
    }
  };
}

function sendUnary(
  callback: sendUnaryData<Outgoing>,
  status: GrpcStatus | undefined,
  message: Outgoing,
): void {
  if (status !== undefined) {
    closeMessage(message);
    callback({ code: status.code, details: status.message });
    return;
  }
  const length = lengthOf(message);
  if (length > sendBytesMax) {
    closeMessage(message);
    callback({
      code: GrpcCode.resourceExhausted,
      details: `grpc: trying to send message larger than max (${length} vs. ${sendBytesMax})`,
    });
    return;
  }
  callback(null, message);
}

function identity(bytes: Buffer): Uint8Array {
  return bytes;
}

function serializeSlices(message: Outgoing): Serialized {
  return {
    byteLength: lengthOf(message),
    copy(target, at) {
      if (isSource(message)) {
        message.read(target, at, at + message.length);
        message.close();
        return;
      }
      let position = at;
      for (const part of isSlices(message) ? message : [message]) {
        target.set(part, position);
        position += part.length;
      }
    },
  };
}
