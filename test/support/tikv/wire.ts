import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/**
 * TiKV's services as grpc-js takes them, with 64-bit numbers as bigints and absent messages as undefined. It shares
 * nothing with the client but the .proto files, so that an error in the client's own reading of them shows.
 */

const folder = fileURLToPath(new URL('../../../src/tikv/proto', import.meta.url));
const loaded = loadSync(['tikvpb.proto', 'pdpb.proto'], { includeDirs: [folder], defaults: true });

export type AnyMethod = MethodDefinition<object, object>;

/** The methods of a service by the names that the .proto file gives them. */
export function service(name: 'tikvpb.Tikv' | 'pdpb.PD'): ServiceDefinition {
  const methods = Object.entries(loaded[name] as ServiceDefinition);
  return Object.fromEntries(
    methods.map(([key, method]) => {
      const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
        method as AnyMethod;
      const converted: AnyMethod = {
        ...(method as AnyMethod),
        requestSerialize: (value) => requestSerialize(longs(value) as object),
        requestDeserialize: (bytes) => bigints(requestDeserialize(bytes)) as object,
        responseSerialize: (value) => responseSerialize(longs(value) as object),
        responseDeserialize: (bytes) => bigints(responseDeserialize(bytes)) as object,
      };
      return [key, converted];
    }),
  );
}

interface LongLike {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

function isLong(value: object): value is LongLike {
  return 'low' in value && 'high' in value && 'unsigned' in value;
}

function bigints(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(bigints);
  if (isLong(value)) {
    const bits = (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
    return value.unsigned ? bits : BigInt.asIntN(64, bits);
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, bigints(field)]));
}

function longs(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const bits = BigInt.asUintN(64, value);
    return { low: Number(bits & 0xffff_ffffn) | 0, high: Number(bits >> 32n) | 0, unsigned: true };
  }
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(longs);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, longs(field)]));
}
