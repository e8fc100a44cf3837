import { codeLengths, codes, END_OF_STRING } from './huffman-code.ts';

/*
 * The decoder eats half an octet at a time. Its state is how far into a code it is: one of the 256 inner nodes of the
 * code's tree. No code is shorter than five bits, so half an octet ends at most one. The table has one entry for each
 * state and half octet: the next state in the lowest eight bits, then a symbol, then flags.
 */
const SYMBOL_SHIFT = 8;
const EMITS = 1 << 16;
const FAILS = 1 << 17;

const { transitions, mayEnd } = buildTable();

/** A tree node: positive is the number of an inner node, negative is the complement of a symbol. 0 is not yet set. */
interface Tree {
  readonly zero: Int32Array;
  readonly one: Int32Array;
  /** What pads the last octet is fewer than eight ones: the nodes on that path, and the root. */
  readonly padding: readonly number[];
}

function buildTree(): Tree {
  const zero = new Int32Array(END_OF_STRING);
  const one = new Int32Array(END_OF_STRING);
  let count = 1;
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    let node = 0;
    for (let bit = codeLengths[symbol]! - 1; bit >= 0; bit--) {
      const side = ((codes[symbol]! >>> bit) & 1) === 1 ? one : zero;
      if (bit === 0) side[node] = ~symbol;
      else if (side[node] === 0) side[node] = count++;
      node = side[node]!;
    }
  }
  const padding = [0];
  while (padding.length < 8) padding.push(one[padding.at(-1) ?? 0]!);
  return { zero, one, padding };
}

function buildTable(): { transitions: Uint32Array; mayEnd: Uint8Array } {
  const tree = buildTree();
  const table = new Uint32Array(END_OF_STRING * 16);
  for (let state = 0; state < END_OF_STRING; state++) {
    for (let half = 0; half < 16; half++) table[state * 16 + half] = walk(tree, state, half);
  }
  const ends = new Uint8Array(END_OF_STRING);
  for (const state of tree.padding) ends[state] = 1;
  return { transitions: table, mayEnd: ends };
}

function walk(tree: Tree, state: number, half: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = (((half >>> bit) & 1) === 1 ? tree.one : tree.zero)[node]!;
    if (next === ~END_OF_STRING) return FAILS;
    if (next < 0) emitted = EMITS | (~next << SYMBOL_SHIFT);
    node = next < 0 ? 0 : next;
  }
  return emitted | node;
}

/** The most octets that `bytes` octets of Huffman code can stand for: no code is shorter than five bits. */
export function decodedBytesMax(bytes: number): number {
  return Math.floor((bytes * 8) / 5);
}

/**
 * Decodes the string in `from` between `start` and `end` into `to`, which must have room for `decodedBytesMax` octets.
 * Returns the number of octets, or -1 for a string that is not allowed: one that holds the end-of-string code, is padded
 * with anything but the beginning of that code, or with more than seven bits of it (RFC 7541, section 5.2).
 */
export function huffmanDecode(from: Uint8Array, start: number, end: number, to: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = from[at]!;
    const first = transitions[(state << 4) | (byte >>> 4)]!;
    // Storing an octet drops the flags above the symbol.
    if ((first & EMITS) !== 0) to[length++] = first >>> SYMBOL_SHIFT;
    const second = transitions[((first & 0xff) << 4) | (byte & 15)]!;
    if ((second & EMITS) !== 0) to[length++] = second >>> SYMBOL_SHIFT;
    if (((first | second) & FAILS) !== 0) return -1;
    state = second & 0xff;
  }
  return mayEnd[state] === 1 ? length : -1;
}
