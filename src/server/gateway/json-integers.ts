/** Integers of protobuf's JSON mapping: `5`, `5.0`, `50e-1` are all five, and so are they as strings. */

const PARTS = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]*))?$/;

/** More digits than 64 bits have. */
const digitsMax = 20;
const exponentMax = 0x7fffffff;

/** The integer that a JSON number is (Go's `normalizeToIntString`); undefined when it is none, or far too large. */
export function integerOf(number: string): bigint | undefined {
  const match = PARTS.exec(number);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponentText = ''] = match;
  const digits = whole === '0' ? '' : whole;
  const decimals = withoutTrailingZeros(fraction);
  if (digits === '' && decimals === '') return 0n;
  if (exponentText === '+' || exponentText === '-') return undefined;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > exponentMax) return undefined;
  const magnitude =
    exponent >= 0 ? scaledUp(digits, decimals, exponent) : scaledDown(digits, decimals, exponent);
  if (magnitude === undefined || magnitude.length > digitsMax) return undefined;
  return sign === '-' ? -BigInt(magnitude) : BigInt(magnitude);
}

/** A loop, because a pattern of zeros at the end starts anew at every zero that is not there. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}

function scaledUp(digits: string, decimals: string, exponent: number): string | undefined {
  if (decimals.length > exponent || digits.length + exponent > digitsMax) return undefined;
  return digits + decimals + '0'.repeat(exponent - decimals.length);
}

function scaledDown(digits: string, decimals: string, exponent: number): string | undefined {
  const point = digits.length + exponent;
  if (decimals !== '' || point < 0 || /[^0]/.test(digits.slice(point))) return undefined;
  // Go parses what is left as a number, and nothing is none.
  return point === 0 ? undefined : digits.slice(0, point);
}

/**
 * The number at the start of a string, as Go's decoder reads it: what follows behind a delimiter does not matter, and an
 * exponent may have no digits.
 */
const LEADING =
  /^[ \t\r\n]*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE](?=[^])(?:[+-](?=[^]))?[0-9]*)?)(?![-+._a-zA-Z0-9])/;

export function integerInString(text: string): bigint | undefined {
  if (text.trim() !== text) return undefined;
  const match = LEADING.exec(text);
  return match === null ? undefined : integerOf(match[1]!);
}

export function fits(value: bigint, bits: 32 | 64, isSigned: boolean): boolean {
  const limit = 1n << BigInt(isSigned ? bits - 1 : bits);
  return value < limit && value >= (isSigned ? -limit : 0n);
}
