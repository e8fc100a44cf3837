/**
 * Goal: the gateway's translation between protobuf and JSON agrees with protobufjs, for every message of every method.
 * Method: random messages by the shapes of the proto files; bytes are cut at random; JSON is written with the liberties that
 * the mapping allows (either name, numbers or strings, names or numbers of enumerations, any base64, any order).
 */
import { join } from 'node:path';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJson } from '../../src/server/gateway/json-decoder.ts';
import { JsonEncoder } from '../../src/server/gateway/json-encoder.ts';
import {
  messageShape,
  serviceDefinition,
  serviceNames,
  type FieldShape,
  type MessageShape,
} from '../../src/wire/index.ts';

type Fields = Record<string, unknown>;

const protos = loadSync(['rpc.proto', 'v3lock.proto', 'v3election.proto', 'grpc/health/v1/health.proto'], {
  includeDirs: [join(import.meta.dirname, '..', '..', 'proto')],
  keepCase: true,
  longs: String,
  enums: String,
  bytes: String,
});

const TYPES = [
  ...new Set(
    serviceNames().flatMap((service) =>
      Object.values(serviceDefinition(service)).flatMap((method) => [
        method.requestType,
        method.responseType,
      ]),
    ),
  ),
];

function definition(type: string): MessageTypeDefinition<Fields, Fields> {
  return protos[type] as unknown as MessageTypeDefinition<Fields, Fields>;
}

/** In the form in which protobufjs gives it: bytes as base64, 64 bits as strings, enumerations by name, no zeros. */
function canonical(type: string, bytes: Buffer): unknown {
  return JSON.parse(JSON.stringify(definition(type).deserialize(bytes)));
}

const EDGES = [2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n];

const number = (min: bigint, max: bigint): fc.Arbitrary<string> => {
  const edges = [min, max, ...EDGES.filter((edge) => edge > min && edge < max)];
  return fc
    .oneof(fc.bigInt({ min: 1n, max: 300n }), fc.bigInt({ min, max }), fc.constantFrom(...edges))
    .map(String);
};

function valueOf(field: FieldShape, depth: number): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'message':
      return messageOf(field.message!, depth - 1);
    case 'bytes':
      return fc
        .oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ minLength: 180, maxLength: 400 }))
        .map((bytes) => Buffer.from(bytes));
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 12 });
    case 'bool':
      return fc.boolean();
    case 'enum':
      return fc.oneof(fc.constantFrom(...field.values!.keys()), fc.constantFrom(77, -5));
    case 'int32':
      return number(-(2n ** 31n), 2n ** 31n - 1n).map(Number);
    case 'uint32':
      return number(0n, 2n ** 32n - 1n).map(Number);
    case 'int64':
      return number(-(2n ** 63n), 2n ** 63n - 1n);
    case 'uint64':
      return number(0n, 2n ** 64n - 1n);
  }
}

/** A message as protobufjs takes it; of a oneof at most one member. */
function messageOf(shape: MessageShape, depth: number): fc.Arbitrary<Fields> {
  const fields = shape.fields.filter((field) => field.kind !== 'message' || depth > 0);
  const entries = fields.map((field) => {
    const value = valueOf(field, depth);
    return fc
      .option(field.isRepeated ? fc.array(value, { maxLength: 3 }) : value, { nil: undefined })
      .map((each) => [field, each] as const);
  });
  return fc.tuple(...entries).map((pairs) => {
    const message: Fields = {};
    const taken = new Set<string>();
    for (const [field, value] of pairs) {
      if (value === undefined || (field.oneof !== undefined && taken.has(field.oneof))) continue;
      if (field.oneof !== undefined) taken.add(field.oneof);
      else if (isZero(value)) continue;
      message[field.name] = value;
    }
    return message;
  });
}

function isZero(value: unknown): boolean {
  if (Buffer.isBuffer(value)) return value.length === 0;
  return value === 0 || value === '0' || value === '' || value === false;
}

const anyMessage = fc
  .constantFrom(...TYPES)
  .chain((type) => messageOf(messageShape(type), 4).map((message) => ({ type, message })));

function cut(bytes: Buffer, places: readonly number[]): Uint8Array[] {
  const ends = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

test('messages are written as protobufjs understands them, wherever their bytes are cut', () => {
  fc.assert(
    fc.property(anyMessage, fc.array(fc.nat(), { maxLength: 6 }), ({ type, message }, places) => {
      const bytes = definition(type).serialize(message);
      const encoder = new JsonEncoder(messageShape(type), cut(bytes, places));
      const parts: Buffer[] = [];
      while (!encoder.isDone) parts.push(encoder.next());
      const text = Buffer.concat(parts).toString('utf8');
      expect(JSON.parse(text)).toEqual(canonical(type, bytes));
      // Nothing but JSON without spaces, as the engine itself writes it.
      expect(text).toBe(JSON.stringify(JSON.parse(text)));
      const back = decodeJson(messageShape(type), Buffer.from(text).toString('latin1'));
      expect(back).toEqual({ bytes: unpacked(bytes, back!.bytes), end: Buffer.byteLength(text) });
    }),
    { numRuns: 1500 },
  );
});

/** The gateway does not pack lists of numbers, of which there is one: what matters is what they say. */
function unpacked(packed: Buffer, found: Buffer): Buffer {
  const type = 'etcdserverpb.WatchRequest';
  if (packed.equals(found)) return found;
  return JSON.stringify(canonical(type, packed)) === JSON.stringify(canonical(type, found)) ? found : packed;
}

/** One of the ways to write a value; `die` gives numbers to choose by. */
function written(field: FieldShape, value: unknown, die: () => number): unknown {
  switch (field.kind) {
    case 'message':
      return writtenMessage(field.message!, value as Fields, die);
    case 'bytes': {
      const encoding = die() % 2 === 0 ? 'base64' : 'base64url';
      const text = (value as Buffer).toString(encoding).replace(/=+$/, '');
      return die() % 2 === 0 ? text : text.padEnd(Math.ceil(text.length / 4) * 4, '=');
    }
    case 'enum':
      return die() % 2 === 0 ? value : (field.values!.get(value as number) ?? value);
    case 'int64':
    case 'uint64': {
      const exact = Number.isSafeInteger(Number(value));
      return exact && die() % 2 === 0 ? Number(value) : String(value);
    }
    case 'int32':
    case 'uint32':
      return die() % 2 === 0 ? value : String(value);
    default:
      return value;
  }
}

function writtenMessage(shape: MessageShape, message: Fields, die: () => number): Fields {
  const entries = shape.fields
    .filter((field) => message[field.name] !== undefined)
    .map((field): [string, unknown] => {
      const value = message[field.name];
      const each = (one: unknown): unknown => written(field, one, die);
      return [
        die() % 2 === 0 ? field.name : field.jsonName,
        field.isRepeated ? (value as unknown[]).map(each) : each(value),
      ];
    });
  if (die() % 2 === 0) entries.reverse();
  if (die() % 3 === 0) entries.push(['unknown', [{ key: null }, 'é"', 1e300]]);
  if (die() % 3 === 0) entries.push(['nothing', null]);
  return Object.fromEntries(entries);
}

test('JSON is read as protobufjs reads its own, with every liberty that the mapping allows', () => {
  const dice = fc.infiniteStream(fc.nat({ max: 5 }));
  fc.assert(
    fc.property(anyMessage, dice, fc.constantFrom(0, 1, '\t'), ({ type, message }, rolls, space) => {
      const die = (): number => rolls.next().value as number;
      const text = JSON.stringify(writtenMessage(messageShape(type), message, die), undefined, space);
      const { bytes } = decodeJson(messageShape(type), Buffer.from(text).toString('latin1'))!;
      expect(canonical(type, bytes)).toEqual(canonical(type, definition(type).serialize(message)));
    }),
    { numRuns: 1500 },
  );
});

test('promise 9: no text at all makes the reader break', () => {
  const json = fc.json({ maxDepth: 5 }).chain((text) =>
    fc
      .tuple(fc.constant(text), fc.nat(), fc.string({ unit: 'binary', maxLength: 4 }))
      .map(([whole, at, junk]) => {
        const place = at % (whole.length + 1);
        return whole.slice(0, place) + junk + whole.slice(place);
      }),
  );
  const keyed = fc.tuple(fc.constantFrom('key', 'limit', 'success', 'ID', 'filters', 'sort_order'), json);
  const text = fc.oneof(
    json,
    keyed.map(([key, value]) => `{"${key}":${value}}`),
  );
  fc.assert(
    fc.property(fc.constantFrom(...TYPES), text, (type, body) => {
      try {
        decodeJson(messageShape(type), Buffer.from(body).toString('latin1'));
      } catch (error) {
        expect((error as Error).name).toBe('JsonProblem');
        expect((error as { code?: string }).code).toBe('invalid');
      }
    }),
    { numRuns: 3000 },
  );
});
