import { fc, test as property } from '@fast-check/vitest';
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, test } from 'vitest';
import { TikvError } from '../errors.ts';
import { messageCodec, pdCodecs, storeCodecs } from './codec.ts';
import { planOf, type FieldPlan, type MessagePlan } from './plan.ts';
import { PROTO_DIRECTORY } from './protos.ts';

/** The judge: proto-loader, which shares no code with the codecs but the proto files. */
const judge = loadSync(['pdpb.proto', 'tikvpb.proto'], {
  includeDirs: [PROTO_DIRECTORY],
  keepCase: false,
  longs: String,
  enums: Number,
  bytes: Buffer,
  defaults: true,
  arrays: true,
});

interface Loader {
  serialize(message: object): Buffer;
  deserialize(bytes: Buffer): object;
}

const loaderOf = (name: string): Loader => judge[name] as unknown as Loader;
const messageNames = Object.keys(judge).filter(
  (name) => judge[name]?.['format'] === 'Protocol Buffer 3 DescriptorProto',
);

function valueArbitrary(field: FieldPlan): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'number':
      return fc.integer({ min: 0, max: 0x7fffffff });
    case 'bool':
      return fc.boolean();
    case 'uint64':
      return fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 300n }));
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'bytes':
      return fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 20 });
    case 'message':
      return field.plan === undefined ? fc.constant(undefined) : messageArbitrary(field.plan);
  }
}

/** Messages as they are received: every field is there, messages may be absent. */
function messageArbitrary(plan: MessagePlan): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of plan.fields) {
    const one = valueArbitrary(field);
    const many = fc.array(one, { maxLength: 3 });
    fields[field.name] = field.isRepeated
      ? many
      : field.kind === 'message'
        ? fc.option(one, { nil: undefined })
        : one;
  }
  return fc.record(fields);
}

/** As proto-loader has it: bigints as decimal strings, absent messages as null. */
function toLoader(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(toLoader);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toLoader(each)]));
}

describe('codecs against proto-loader', () => {
  for (const name of messageNames) {
    property.prop([messageArbitrary(planOf(name))], { numRuns: 30 })(name, (message) => {
      const codec = messageCodec<object>(name);
      const bytes = codec.encode(message);
      expect(loaderOf(name).deserialize(bytes)).toEqual(toLoader(message));
      // proto-loader writes zeros that were given, which both leave out or read.
      const theirs = loaderOf(name).serialize(toLoader(message) as object);
      expect(codec.decode(theirs)).toEqual(message);
      expect(codec.decode(bytes)).toEqual(message);
    });
  }
});

describe('codecs', () => {
  const get = storeCodecs().KvGet;

  test('all calls are there, under their paths', () => {
    expect(get.path).toBe('/tikvpb.Tikv/KvGet');
    expect(storeCodecs().KVPessimisticRollback.path).toBe('/tikvpb.Tikv/KVPessimisticRollback');
    expect(pdCodecs().Tso.path).toBe('/pdpb.PD/Tso');
  });

  test('fields that are left out are zero, and absent messages undefined', () => {
    expect(get.answer.decode(Buffer.alloc(0))).toEqual({
      regionError: undefined,
      error: undefined,
      value: Buffer.alloc(0),
      notFound: false,
    });
    expect(get.request.encode({ context: undefined, key: Buffer.alloc(0), version: 0n })).toHaveLength(0);
  });

  test('an empty message that is there is not absent', () => {
    const bytes = get.answer.encode({ regionError: { staleCommand: {} } });
    expect(get.answer.decode(bytes).regionError).toMatchObject({ staleCommand: {}, notLeader: undefined });
  });

  test('unknown fields of every wire type are skipped', () => {
    const unknown = Buffer.from('f87f8001f97f0102030405060708fa7f03aabbccfd7f01020304', 'hex');
    const bytes = get.answer.encode({ value: Buffer.from('v') });
    expect(get.answer.decode(Buffer.concat([unknown, bytes, unknown])).value).toEqual(Buffer.from('v'));
  });

  test('repeated numbers are read packed and not packed', () => {
    const context = messageCodec<{ resolvedLocks: bigint[] }>('kvrpcpb.Context');
    expect(context.decode(Buffer.from('68056806', 'hex')).resolvedLocks).toEqual([5n, 6n]);
    expect(context.decode(Buffer.from('6a020506', 'hex')).resolvedLocks).toEqual([5n, 6n]);
  });

  test('a message in two pieces is one', () => {
    const context = messageCodec<{ peer: { id: bigint; storeId: bigint } }>('kvrpcpb.Context');
    expect(context.decode(Buffer.from('1a0208071a021009', 'hex')).peer).toMatchObject({
      id: 7n,
      storeId: 9n,
    });
  });

  test('bytes are views, not copies', () => {
    const bytes = get.answer.encode({ value: Buffer.from('abc') });
    expect(get.answer.decode(bytes).value.buffer).toBe(bytes.buffer);
  });

  test.each([
    ['a length beyond the end', '1a05aa'],
    ['a length of 2^40', '1a808080808020'],
    ['a number without an end', '38ffffffffffffffffffff01'],
    ['a number cut off', '3880'],
    ['a wrong wire type', '18 01'.replace(' ', '')],
    ['a group', '0b'],
    ['a fixed number cut off', 'f97f0102'],
    ['a nested message beyond its end', '0a03 0a05aa'.replace(' ', '')],
  ])('malformed: %s', (_name, hex) => {
    expect(() => get.answer.decode(Buffer.from(hex, 'hex'))).toThrow(TikvError);
  });

  test('numbers that do not fit are refused before anything is sent', () => {
    const request = { context: undefined, key: Buffer.from('k') };
    expect(() => get.request.encode({ ...request, version: 2n ** 64n })).toThrow(/64 bits/);
    expect(() => get.request.encode({ ...request, version: -1n })).toThrow(/64 bits/);
  });
});
