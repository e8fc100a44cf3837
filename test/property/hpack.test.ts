/**
 * Goal: any sequence of header blocks on a connection means what a plain model of RFC 7541 says, also when blocks repeat
 * and come from the cache; and no octets at all bring out anything but an HpackError or keep more than the limits.
 */

import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { encodeHeaders, HpackDecoder, HpackError } from '../../src/transport/hpack/index.ts';
import { encodeInstructions, HpackModel, type Instruction } from './hpack-model.ts';

const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: octet, maxLength: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom('n', 'value', 'content-type', '') },
  { weight: 1, arbitrary: fc.string({ unit: octet, minLength: 100, maxLength: 300 }) },
);
/** Mostly the dynamic table's lowest numbers, which exist; some that do not. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 62, max: 66 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 61 }) },
  { weight: 1, arbitrary: fc.integer({ min: 62, max: 200 }) },
);
const instruction: fc.Arbitrary<Instruction> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('indexed' as const), number }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('literal' as const),
      index: fc.constantFrom('add' as const, 'add' as const, 'no' as const, 'never' as const),
      number: fc.oneof(fc.constant(0), number),
      name: text,
      value: text,
      huffman: fc.boolean(),
    }),
  },
);
const size = fc.record({
  kind: fc.constant('size' as const),
  bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0, 299, 300, 301)),
});
const block = fc.oneof(
  { weight: 8, arbitrary: fc.array(instruction, { maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(size, { maxLength: 2 }), fc.array(instruction, { maxLength: 4 }))
      .map((parts) => parts.flat()),
  },
  { weight: 1, arbitrary: fc.array(fc.oneof(instruction, size), { maxLength: 6 }) },
);

/** Blocks, of which some are sent again. */
const connection = fc
  .tuple(fc.array(block, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(), { maxLength: 30 }))
  .map(([blocks, order]) => [...blocks, ...order.map((at) => blocks[at % blocks.length]!)]);

function decode(decoder: HpackDecoder, bytes: Uint8Array): readonly string[] | 'tooLarge' | undefined {
  try {
    return decoder.decode(bytes, 0, bytes.length);
  } catch (error) {
    expect(error).toBeInstanceOf(HpackError);
    return undefined;
  }
}

function listBytes(fields: readonly string[]): number {
  return fields.reduce((sum, part) => sum + part.length + 16, 0);
}

describe('a connection', () => {
  test.prop([connection], { numRuns: 1_500 })('means what the model says', (blocks) => {
    const decoder = new HpackDecoder({ tableBytesMax: 300, listBytesMax: 1_000_000 });
    const model = new HpackModel(300);
    for (const instructions of blocks) {
      const expected = model.decode(instructions);
      expect(decode(decoder, encodeInstructions(instructions))).toEqual(expected);
      // A refused block ends the connection.
      if (expected === undefined) return;
    }
  });

  test.prop([connection, fc.integer({ min: 0, max: 600 })], { numRuns: 500 })(
    'whose lists are limited keeps a right table, and no larger list',
    (blocks, listBytesMax) => {
      const decoder = new HpackDecoder({ tableBytesMax: 300, listBytesMax });
      const model = new HpackModel(300);
      for (const instructions of blocks) {
        const expected = model.decode(instructions);
        const tooLarge = expected !== undefined && listBytes(expected) > listBytesMax;
        expect(decode(decoder, encodeInstructions(instructions))).toEqual(tooLarge ? 'tooLarge' : expected);
        if (expected === undefined) return;
      }
    },
  );
});

/** A change of some octets: replaced, inserted, removed or cut off. */
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('replace', 'insert', 'remove', 'cut'),
  octets: fc.uint8Array({ minLength: 1, maxLength: 3 }),
});

function mutate(
  bytes: Buffer,
  { at, kind, octets }: { at: number; kind: string; octets: Uint8Array },
): Buffer {
  const position = at % (bytes.length + 1);
  const [before, after] = [bytes.subarray(0, position), bytes.subarray(position)];
  if (kind === 'cut') return Buffer.from(before);
  if (kind === 'remove') return Buffer.concat([before, after.subarray(1)]);
  return Buffer.concat([before, octets, after.subarray(kind === 'replace' ? octets.length : 0)]);
}

const damaged = fc
  .tuple(block, fc.array(mutation, { minLength: 1, maxLength: 3 }))
  .map(([instructions, mutations]) => mutations.reduce(mutate, encodeInstructions(instructions)));

describe('any octets', () => {
  const limits = { tableBytesMax: 300, listBytesMax: 2_000 };

  test.prop([fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), { maxLength: 12 })], {
    numRuns: 3_000,
  })('are fields within the limits, too large, or an HpackError', (blocks) => {
    const decoder = new HpackDecoder(limits);
    for (const bytes of blocks) {
      const fields = decode(decoder, bytes);
      if (fields === undefined || fields === 'tooLarge') continue;
      expect(fields.length % 2).toBe(0);
      expect(listBytes(fields)).toBeLessThanOrEqual(limits.listBytesMax);
    }
  });

  test.prop([damaged, fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 20 })], {
    numRuns: 1_000,
  })('are read only between start and end', (bytes, before, after) => {
    const alone = decode(new HpackDecoder(limits), bytes);
    const around = Buffer.concat([before, bytes, after]);
    const decoder = new HpackDecoder(limits);
    let within: readonly string[] | 'tooLarge' | undefined;
    try {
      within = decoder.decode(around, before.length, before.length + bytes.length);
    } catch (error) {
      expect(error).toBeInstanceOf(HpackError);
    }
    expect(within).toEqual(alone);
  });
});

describe('our encoder', () => {
  test.prop([fc.array(fc.tuple(text, text), { maxLength: 10 })])(
    'makes blocks that mean the fields',
    (fields) => {
      const decoder = new HpackDecoder({ tableBytesMax: 0, listBytesMax: 1_000_000 });
      expect(decode(decoder, encodeHeaders(fields))).toEqual(fields.flat());
    },
  );
});
