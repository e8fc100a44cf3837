/**
 * RFC 7541 written down as simply as possible, without a thought for speed or limits: the oracle for random blocks, and
 * the generator of them.
 */

import { codeLengths, codes } from '../../src/transport/hpack/huffman-code.ts';
import { STATIC_COUNT, staticNames, staticValues } from '../../src/transport/hpack/static-table.ts';

/** One instruction of a block. */
export type Instruction =
  | { readonly kind: 'indexed'; readonly number: number }
  | {
      readonly kind: 'literal';
      /** `never` asks those who pass it on not to index it. */
      readonly index: 'add' | 'no' | 'never';
      /** Number of the name, 0 for a name of its own. */
      readonly number: number;
      readonly name: string;
      readonly value: string;
      readonly huffman: boolean;
    }
  | { readonly kind: 'size'; readonly bytes: number };

/** Octets as they are on the wire. */
export function encodeInstructions(instructions: readonly Instruction[]): Buffer {
  return Buffer.from(instructions.flatMap(encodeInstruction));
}

function encodeInstruction(one: Instruction): number[] {
  if (one.kind === 'indexed') return integer(one.number, 0x80, 7);
  if (one.kind === 'size') return integer(one.bytes, 0x20, 5);
  const [pattern, prefix] = { add: [0x40, 6], no: [0x00, 4], never: [0x10, 4] }[one.index] as [
    number,
    number,
  ];
  return [
    ...integer(one.number, pattern, prefix),
    ...(one.number === 0 ? string(one.name, one.huffman) : []),
    ...string(one.value, one.huffman),
  ];
}

function integer(value: number, pattern: number, prefix: number): number[] {
  const full = 2 ** prefix - 1;
  if (value < full) return [pattern | value];
  const octets = [pattern | full];
  let rest = value - full;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push(128 + (rest % 128));
  return [...octets, rest];
}

function string(text: string, huffman: boolean): number[] {
  const plain = [...Buffer.from(text, 'latin1')];
  if (!huffman) return [...integer(plain.length, 0x00, 7), ...plain];
  const bits = plain.map((octet) => codes[octet]!.toString(2).padStart(codeLengths[octet]!, '0')).join('');
  const coded = bits.match(/.{1,8}/g)?.map((octet) => Number.parseInt(octet.padEnd(8, '1'), 2)) ?? [];
  return [...integer(coded.length, 0x80, 7), ...coded];
}

/** The table of one connection; what an instruction means. */
export class HpackModel {
  readonly #tableBytesMax: number;
  #bytesMax: number;
  #entries: [string, string][] = [];

  constructor(tableBytesMax: number) {
    this.#tableBytesMax = tableBytesMax;
    this.#bytesMax = tableBytesMax;
  }

  /** Names and values of a block, or undefined if the block is not allowed. */
  decode(instructions: readonly Instruction[]): string[] | undefined {
    const fields: [string, string][] = [];
    for (const one of instructions) {
      const outcome = this.#apply(one, fields.length === 0);
      if (outcome === 'refused') return undefined;
      if (outcome !== undefined) fields.push(outcome);
    }
    return fields.flat();
  }

  #apply(one: Instruction, atStart: boolean): [string, string] | 'refused' | undefined {
    if (one.kind === 'size') {
      if (!atStart || one.bytes > this.#tableBytesMax) return 'refused';
      this.#bytesMax = one.bytes;
      this.#evict();
      return undefined;
    }
    const known = this.#entry(one.number);
    if (one.kind === 'indexed') return known ?? 'refused';
    if (one.number > 0 && known === undefined) return 'refused';
    const field: [string, string] = [known?.[0] ?? one.name, one.value];
    if (one.index === 'add') {
      this.#entries.unshift(field);
      this.#evict();
    }
    return field;
  }

  #entry(number: number): [string, string] | undefined {
    if (number === 0) return undefined;
    if (number <= STATIC_COUNT) return [staticNames[number]!, staticValues[number]!];
    return this.#entries[number - STATIC_COUNT - 1];
  }

  #evict(): void {
    const bytes = () =>
      this.#entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (bytes() > this.#bytesMax) this.#entries.pop();
  }
}
