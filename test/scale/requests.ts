import { encodeRequest } from '../etcd/protocol.ts';
import type { LoadOptions } from './load.ts';

const KV = '/etcdserverpb.KV/';
const KEY_BYTES = 64;

/** Key number `n`: 64 bytes, in an order that has nothing to do with `n`. */
export function scaleKey(n: number): Buffer {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0;
  return Buffer.from(`/scale/${mixed.toString(16).padStart(8, '0')}/${n}`.padEnd(KEY_BYTES, 'x'));
}

/** A value that cannot be compressed to less than half. */
function valueOf(bytes: number, seed: number): Buffer {
  const value = Buffer.allocUnsafe(bytes);
  let state = (seed + 1) * 2_654_435_761;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    value[i] = 48 + (state >>> 26);
  }
  return value;
}

/** Request number `n` of a load. A put is written by hand: a generic encoder would be most of the loader's work. */
export function requestOf(options: LoadOptions, n: number): { path: string; request: Buffer } {
  const key = scaleKey((options.from ?? 0) + (n % (options.keys ?? options.count)));
  switch (options.kind) {
    case 'put':
      return { path: `${KV}Put`, request: putBytes(key, valueOf(options.valueBytes, n)) };
    case 'delete':
      return { path: `${KV}DeleteRange`, request: encodeRequest(`${KV}DeleteRange`, { key }) };
    case 'grant': {
      const path = '/etcdserverpb.Lease/LeaseGrant';
      return { path, request: encodeRequest(path, { TTL: options.ttl ?? 60, ID: n + 1 }) };
    }
  }
}

function putBytes(key: Buffer, value: Buffer): Buffer {
  const length = value.length < 128 ? [value.length] : [(value.length & 127) | 128, value.length >>> 7];
  return Buffer.concat([Buffer.of(0x0a, key.length), key, Buffer.of(0x12, ...length), value]);
}
