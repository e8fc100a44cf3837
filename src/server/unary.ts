import type { StoreError } from '../store/index.ts';
import type { Message, Method, Reply } from '../transport/index.ts';
import { codecOf, type Codec, type ColdMessages } from '../wire/index.ts';
import { statusOf, statusOfMalformed } from './errors.ts';

/** How a cold handler answers: with a message, or with a store's error. */
export type ColdReply<T> = (error: StoreError | undefined, response?: Partial<T>) => void;

/** A unary method whose request is decoded by a hand-written codec; `run` answers with finished bytes. */
export function hotUnary<T>(
  decode: (bytes: Uint8Array) => T,
  run: (request: T, reply: Reply, requestBytes: number) => void,
): Method {
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
      run(request, reply, bytes.length);
    },
  };
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
  run: (request: ColdMessages[Q], reply: Reply, encode: Codec<ColdMessages[R]>['encode']) => void,
): Method {
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
      run(request, reply, (message) => response.encode(message));
    },
  };
}
