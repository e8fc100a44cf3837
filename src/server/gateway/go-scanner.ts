/**
 * JSON's grammar as Go's encoding/json checks it, which is what etcd's gateway reads a body with first: where a value
 * ends, or what is wrong with it in Go's words. As in Go it is a machine that is given one byte after the other, so that it
 * can stop wherever the bytes do.
 */

import { goQuotedRune } from '../../base/index.ts';

/** Arrays and objects inside one another, at most: Go's limit. */
export const jsonDepthMax = 10_000;

/** Values, names and escape sequences of one value, at most; more is no request that anybody would make. */
export const jsonTokensMax = 128 * 1024;

/**
 * `end` is behind the value; undefined when there is nothing but space. `tooMany`: more than `jsonTokensMax` tokens.
 */
export type Scanned = { readonly end: number } | { readonly problem: string } | 'tooMany' | undefined;

/** Scans the value that begins at `start`, of text in which a character is a byte. */
export function scanLikeGo(text: string, start: number): Scanned {
  const scanned = new GoScanner().scan(Buffer.from(text.slice(start), 'latin1'), true);
  if (scanned === 'more') throw new Error('A scan to the end has a result');
  return typeof scanned === 'object' && 'end' in scanned ? { end: start + scanned.end } : scanned;
}

export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

// What may come next. A value, a name or its colon, or what follows a value inside an array or object; space may come before.
const VALUE = 0;
const VALUE_OR_END = 1;
const NAME = 2;
const NAME_OR_END = 3;
const COLON = 4;
const BEHIND_VALUE = 5;
// Inside a string.
const STRING = 6;
const ESCAPE = 7;
const HEX = 8;
// Inside true, false or null.
const LITERAL = 9;
// Inside a number, behind the part that the name says. With one of the first four it may end.
const ZERO = 10;
const DIGITS = 11;
const FRACTION = 12;
const EXPONENT = 13;
const MINUS = 14;
const DOT = 15;
const E = 16;
const SIGN = 17;
// The value has ended.
const DONE = 18;

const OBJECT = 0;
const ARRAY = 1;
const LITERALS: Readonly<Record<number, string>> = { 0x74: 'true', 0x66: 'false', 0x6e: 'null' };
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPABLE = new Set([...'bfnrt\\/"'].map((char) => char.charCodeAt(0)));

class Problem extends Error {}

const TOO_MANY = 'too many tokens';

/** Finds the end of one value in bytes that come bit by bit. */
export class GoScanner {
  #state = VALUE;
  #position = 0;
  /** The arrays and objects that are open. A list, because the stack has no room for ten thousand calls. */
  readonly #open: number[] = [];
  #isName = false;
  #literal = '';
  /** Characters of the literal, or digits of the escape sequence, that were read. */
  #read = 0;
  #tokens = 0;

  /** Something other than space has come. */
  get hasBegun(): boolean {
    return this.#tokens > 0;
  }

  /**
   * `bytes` begins where it did in the call before, and is as long or longer; nothing of it is read twice. `more`: the
   * value goes on behind `bytes`, which are not all (`isComplete`).
   */
  scan(bytes: Uint8Array, isComplete: boolean): Scanned | 'more' {
    try {
      this.#run(bytes);
      if (this.#state === DONE) return { end: this.#position };
      if (!isComplete) return 'more';
      if (!this.hasBegun) return undefined;
      // A number alone has no end of its own.
      if (this.#open.length === 0 && this.#isNumber()) return { end: this.#position };
      return { problem: 'unexpected EOF' };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return error.message === TOO_MANY ? 'tooMany' : { problem: error.message };
    }
  }

  #run(bytes: Uint8Array): void {
    while (this.#position < bytes.length && this.#state !== DONE) {
      if (this.#state === STRING) this.#skipPlain(bytes);
      const byte = bytes[this.#position];
      if (byte === undefined) return;
      if (this.#state <= BEHIND_VALUE) {
        if (!isSpace(byte)) this.#between(byte);
      } else if (this.#state <= LITERAL) this.#inText(byte);
      else if (!this.#inNumber(byte)) {
        // The byte belongs to what follows the number.
        this.#ended();
        continue;
      }
      this.#position++;
    }
  }

  /** What means nothing in a string is most of a request. */
  #skipPlain(bytes: Uint8Array): void {
    let at = this.#position;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break;
    }
    this.#position = at;
  }

  #between(byte: number): void {
    const char = String.fromCharCode(byte);
    switch (this.#state) {
      case VALUE_OR_END:
        if (char === ']') this.#close();
        else this.#value(byte);
        return;
      case NAME_OR_END:
        if (char === '}') this.#close();
        else this.#name(byte);
        return;
      case NAME:
        this.#name(byte);
        return;
      case COLON:
        if (char !== ':') throw unexpected(byte, 'after object key');
        this.#state = VALUE;
        return;
      case BEHIND_VALUE: {
        const isObject = this.#open.at(-1) === OBJECT;
        if (char === ',') this.#state = isObject ? NAME : VALUE;
        else if (char === (isObject ? '}' : ']')) this.#close();
        else throw unexpected(byte, isObject ? 'after object key:value pair' : 'after array element');
        return;
      }
      default:
        this.#value(byte);
    }
  }

  #value(byte: number): void {
    this.#count();
    const char = String.fromCharCode(byte);
    const literal = LITERALS[byte];
    if (char === '{' || char === '[') {
      this.#open.push(char === '{' ? OBJECT : ARRAY);
      if (this.#open.length > jsonDepthMax) throw unexpected(byte, 'exceeded max depth');
      this.#state = char === '{' ? NAME_OR_END : VALUE_OR_END;
    } else if (byte === QUOTE) {
      this.#isName = false;
      this.#state = STRING;
    } else if (literal !== undefined) {
      this.#literal = literal;
      this.#read = 1;
      this.#state = LITERAL;
    } else if (char === '-') this.#state = MINUS;
    else if (isDigit(byte)) this.#state = char === '0' ? ZERO : DIGITS;
    else throw unexpected(byte, 'looking for beginning of value');
  }

  #name(byte: number): void {
    this.#count();
    if (byte !== QUOTE) throw unexpected(byte, 'looking for beginning of object key string');
    this.#isName = true;
    this.#state = STRING;
  }

  #inText(byte: number): void {
    switch (this.#state) {
      case STRING:
        if (byte === BACKSLASH) {
          this.#count();
          this.#state = ESCAPE;
        } else if (byte !== QUOTE) throw unexpected(byte, 'in string literal');
        else if (this.#isName) this.#state = COLON;
        else this.#ended();
        return;
      case ESCAPE:
        this.#read = 0;
        if (byte === 0x75) this.#state = HEX;
        else if (ESCAPABLE.has(byte)) this.#state = STRING;
        else throw unexpected(byte, 'in string escape code');
        return;
      case HEX:
        if (!isHex(byte)) throw unexpected(byte, 'in \\u hexadecimal character escape');
        if (++this.#read === 4) this.#state = STRING;
        return;
      default: {
        const expected = this.#literal[this.#read]!;
        if (byte !== expected.charCodeAt(0)) {
          throw unexpected(byte, `in literal ${this.#literal} (expecting '${expected}')`);
        }
        if (++this.#read === this.#literal.length) this.#ended();
      }
    }
  }

  /** False: the number ends before the byte. */
  #inNumber(byte: number): boolean {
    const isE = byte === 0x65 || byte === 0x45;
    const before = this.#state;
    if (before === MINUS || before === DOT || before === E || before === SIGN) {
      if (before === E && (byte === 0x2b || byte === 0x2d)) this.#state = SIGN;
      else if (!isDigit(byte)) throw unexpected(byte, NUMBER_PARTS[before]!);
      else if (before === MINUS) this.#state = byte === 0x30 ? ZERO : DIGITS;
      else this.#state = before === DOT ? FRACTION : EXPONENT;
      return true;
    }
    if (isDigit(byte)) return before !== ZERO;
    if (byte === 0x2e && (before === ZERO || before === DIGITS)) this.#state = DOT;
    else if (isE && before !== EXPONENT) this.#state = E;
    else return false;
    return true;
  }

  #isNumber(): boolean {
    return this.#state >= ZERO && this.#state <= EXPONENT;
  }

  #close(): void {
    this.#open.pop();
    this.#ended();
  }

  #ended(): void {
    this.#state = this.#open.length === 0 ? DONE : BEHIND_VALUE;
  }

  #count(): void {
    if (++this.#tokens > jsonTokensMax) throw new Problem(TOO_MANY);
  }
}

const NUMBER_PARTS: Readonly<Record<number, string>> = {
  [MINUS]: 'in numeric literal',
  [DOT]: 'after decimal point in numeric literal',
  [E]: 'in exponent of numeric literal',
  [SIGN]: 'in exponent of numeric literal',
};

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function unexpected(byte: number, context: string): Problem {
  return new Problem(`invalid character ${quoted(String.fromCharCode(byte))} ${context}`);
}

/** Go's `quoteChar`: as `%q`, but between single quotes. */
function quoted(char: string): string {
  if (char === "'") return "'\\''";
  return char === '"' ? "'\"'" : `'${goQuotedRune(char)}'`;
}
