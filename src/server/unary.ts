import type { StoreError } from '../store/index.ts';
import type { Message, Method, Reply } from '../transport/index.ts';
import { codecOf, type Codec, type ColdMessages } from '../wire/index.ts';
import type { LeaderCalls } from './context.ts';
import { statusOf, statusOfMalformed } from './errors.ts';

export type UnaryMethod = Extract<Method, { kind: 'unary' }>;

/** What only the leader can answer. */
export interface LeaderMethod {
  readonly node: LeaderCalls;
  /** `/package.Service/Method`. */
  readonly path: string;
}

/** What a cold handler may need besides its request. */
export interface ColdCall<R> {
  readonly encode: Codec<R>['encode'];
  /** The request as it came. */
  readonly bytes: Uint8Array;
}

/** How a cold handler answers: with a message, or with a store's error. */
export type ColdReply<T> = (error: StoreError | undefined, response?: Partial<T>) => void;

/** A unary method whose request is decoded by a hand-written codec; `run` answers with finished bytes. */
export function hotUnary<T>(
  decode: (bytes: Uint8Array) => T,
  run: (request: T, reply: Reply, bytes: Uint8Array) => void,
): UnaryMethod {
  return {
    kind: 'unary',
    handle(bytes, _call, reply) {
      let request: T;
      try {
        request = decode(bytes);
      } catch (error) {
        reply(statusOfMalformed(error, 'unary'));
        return;
      }
      run(request, reply, bytes);
    },
  };
}

/**
 * One that only the leader can answer. A node that follows refuses what it cannot decode, and has the rest served by the
 * leader, as the bytes that came.
 */
export function leaderUnary<T>(
  { node, path }: LeaderMethod,
  decode: (bytes: Uint8Array) => T,
  run: (request: T, reply: Reply, requestBytes: number) => void,
): UnaryMethod {
  const method = { node, path };
  return hotUnary(decode, (request, reply, bytes) => {
    if (node.leads) run(request, reply, bytes.length);
    else forward(method, bytes, reply);
  });
}

/** Gives a call on to the leader, and its answer back. */
export function forward({ node, path }: LeaderMethod, request: Uint8Array, reply: Reply): void {
  node.forward(path, request, ({ code, message, body }) => {
    if (code === 0) reply(undefined, body);
    else reply({ code, message });
  });
}

/** Answers with the store's error, or with what `encode` makes of the result. */
export function answer<R>(
  reply: Reply,
  encode: (result: R) => Message,
): (error: StoreError | undefined, result: R) => void {
  return (error, result) => {
    if (error !== undefined) reply(statusOf(error));
    else reply(undefined, encode(result));
  };
}

/** A unary method on proto-loader's codecs, which are prepared when the first call comes. */
export function coldUnary<Q extends keyof ColdMessages, R extends keyof ColdMessages>(
  names: { request: Q; response: R },
  run: (request: ColdMessages[Q], reply: Reply, call: ColdCall<ColdMessages[R]>) => void,
): UnaryMethod {
  let codecs: { request: Codec<ColdMessages[Q]>; response: Codec<ColdMessages[R]> } | undefined;
  return {
    kind: 'unary',
    handle(bytes, _call, reply) {
      codecs ??= { request: codecOf(names.request), response: codecOf(names.response) };
      let request: ColdMessages[Q];
      try {
        request = codecs.request.decode(bytes);
      } catch (error) {
        reply(statusOfMalformed(error, 'unary'));
        return;
      }
      const { response } = codecs;
      run(request, reply, { encode: (message) => response.encode(message), bytes });
    },
  };
}
