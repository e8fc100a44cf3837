import type { Received } from '../messages.ts';
import type { PdAnswers, PdRequests } from '../pd-messages.ts';
import type { StoreAnswers, StoreRequests } from '../store-messages.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { planOf } from './plan.ts';
import { serviceMethods } from './protos.ts';

/** Between messages, as messages.ts says, and protobuf's bytes. */
export interface Codec<T> {
  /** The bytes are a new buffer. Throws AssertionError for a number that does not fit its field. */
  encode(message: T): Buffer;
  /** Bytes fields are views into `bytes`. Throws TikvError `protocol`. */
  decode(bytes: Buffer): Received<T>;
}

export interface MethodCodec<Q, A> {
  /** As in `/tikvpb.Tikv/KvGet`. */
  readonly path: string;
  readonly request: Codec<Q>;
  readonly answer: Codec<A>;
}

export type StoreCodecs = {
  readonly [M in keyof StoreRequests]: MethodCodec<StoreRequests[M], StoreAnswers[M]>;
};
export type PdCodecs = { readonly [M in keyof PdRequests]: MethodCodec<PdRequests[M], PdAnswers[M]> };

/** The codec of a message by its full name. Throws Error on a name that is not in `proto/`: a bug, never input. */
export function messageCodec<T extends object>(name: string): Codec<T> {
  const plan = planOf(name);
  return {
    encode: (message) => encodeMessage(message as Readonly<Record<string, unknown>>, plan),
    decode: (bytes) => decodeMessage(bytes, plan) as Received<T>,
  };
}

let stores: StoreCodecs | undefined;
let placementDriver: PdCodecs | undefined;

/** The calls to a store. Made when first asked for, because that reads `proto/`. */
export function storeCodecs(): StoreCodecs {
  stores ??= codecsOf<StoreCodecs>('tikvpb.Tikv');
  return stores;
}

/** The calls to the placement driver. Made when first asked for, because that reads `proto/`. */
export function pdCodecs(): PdCodecs {
  placementDriver ??= codecsOf<PdCodecs>('pdpb.PD');
  return placementDriver;
}

function codecsOf<T>(service: string): T {
  const codecs: Record<string, MethodCodec<object, object>> = {};
  for (const [name, { path, requestName, responseName }] of serviceMethods(service)) {
    codecs[name] = { path, request: messageCodec(requestName), answer: messageCodec(responseName) };
  }
  return codecs as T;
}
