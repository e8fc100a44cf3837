/**
 * JSON's grammar as Go's encoding/json checks it, which is what etcd's gateway reads a body with first: where a value
 * ends, or what is wrong with it in Go's words. Runs only to explain a body that could not be read.
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
  let at = start;
  while (isSpace(text.charCodeAt(at))) at++;
  if (at >= text.length) return undefined;
  const scanner = new Scanner(text, at);
  try {
    scanner.value();
    return { end: scanner.position };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.message === TOO_MANY ? 'tooMany' : { problem: error.message };
  }
}

class Problem extends Error {}

const TOO_MANY = 'too many tokens';

/** Where a plain run of characters ends in a string. */
const SPECIAL = /["\\\x00-\x1f]/g;

export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

const OBJECT = 0;
const ARRAY = 1;
const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

class Scanner {
  position: number;
  readonly #text: string;
  /** The arrays and objects that are open. A list, because the stack has no room for ten thousand calls. */
  readonly #open: number[] = [];
  #tokens = 0;

  constructor(text: string, start: number) {
    this.#text = text;
    this.position = start;
  }

  value(): void {
    do {
      if (this.#begin()) this.#behindValue();
    } while (this.#open.length > 0);
  }

  /** Reads what begins here; false when an array or object began, of which a value comes next. */
  #begin(): boolean {
    const char = this.#next();
    this.#count();
    switch (char) {
      case '{':
        this.#push(OBJECT);
        if (this.#peek() === '}') {
          this.position++;
          this.#open.pop();
          return true;
        }
        this.#key();
        return false;
      case '[':
        this.#push(ARRAY);
        if (this.#peek() !== ']') return false;
        this.position++;
        this.#open.pop();
        return true;
      case '"':
        this.#string();
        return true;
      case 't':
      case 'f':
      case 'n':
        this.#literal(LITERALS[char]!);
        return true;
      default:
        this.#number(char);
        return true;
    }
  }

  /** Behind a value: closes what ends there, and goes on to the next value. */
  #behindValue(): void {
    while (this.#open.length > 0) {
      const isObject = this.#open.at(-1) === OBJECT;
      const char = this.#next();
      if (char === ',') {
        if (isObject) this.#key();
        return;
      }
      if (char !== (isObject ? '}' : ']')) {
        throw unexpected(char, isObject ? 'after object key:value pair' : 'after array element');
      }
      this.#open.pop();
    }
  }

  #push(kind: number): void {
    this.#open.push(kind);
    if (this.#open.length > jsonDepthMax) {
      throw unexpected(this.#text[this.position - 1]!, 'exceeded max depth');
    }
  }

  #count(): void {
    if (++this.#tokens > jsonTokensMax) throw new Problem(TOO_MANY);
  }

  #key(): void {
    const char = this.#next();
    this.#count();
    if (char !== '"') throw unexpected(char, 'looking for beginning of object key string');
    this.#string();
    const colon = this.#next();
    if (colon !== ':') throw unexpected(colon, 'after object key');
  }

  #string(): void {
    for (;;) {
      SPECIAL.lastIndex = this.position;
      this.position = SPECIAL.exec(this.#text)?.index ?? this.#text.length;
      const char = this.#char();
      if (char === '"') return;
      if (char !== '\\') throw unexpected(char, 'in string literal');
      this.#escape();
    }
  }

  #escape(): void {
    this.#count();
    const char = this.#char();
    if (char === 'u') {
      for (let i = 0; i < 4; i++) {
        const digit = this.#char();
        if (!/[0-9a-fA-F]/.test(digit)) throw unexpected(digit, 'in \\u hexadecimal character escape');
      }
    } else if (!'bfnrt\\/"'.includes(char)) {
      throw unexpected(char, 'in string escape code');
    }
  }

  #literal(word: string): void {
    for (const expected of word.slice(1)) {
      const char = this.#char();
      if (char !== expected) throw unexpected(char, `in literal ${word} (expecting '${expected}')`);
    }
  }

  #number(first: string): void {
    let char = first;
    if (char === '-') {
      char = this.#char();
      if (!isDigit(char)) throw unexpected(char, 'in numeric literal');
    } else if (!isDigit(char)) {
      throw unexpected(char, 'looking for beginning of value');
    }
    if (char !== '0') this.#digits();
    if (this.#text[this.position] === '.') {
      this.position++;
      const digit = this.#char();
      if (!isDigit(digit)) throw unexpected(digit, 'after decimal point in numeric literal');
      this.#digits();
    }
    const mark = this.#text[this.position];
    if (mark !== 'e' && mark !== 'E') return;
    this.position++;
    let digit = this.#char();
    if (digit === '+' || digit === '-') digit = this.#char();
    if (!isDigit(digit)) throw unexpected(digit, 'in exponent of numeric literal');
    this.#digits();
  }

  #digits(): void {
    while (this.position < this.#text.length && isDigit(this.#text[this.position]!)) this.position++;
  }

  /** The next character that is not space. */
  #next(): string {
    const char = this.#peek();
    this.position++;
    return char;
  }

  #peek(): string {
    while (isSpace(this.#text.charCodeAt(this.position))) this.position++;
    if (this.position >= this.#text.length) throw new Problem('unexpected EOF');
    return this.#text[this.position]!;
  }

  #char(): string {
    if (this.position >= this.#text.length) throw new Problem('unexpected EOF');
    return this.#text[this.position++]!;
  }
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

function unexpected(char: string, context: string): Problem {
  return new Problem(`invalid character ${quoted(char)} ${context}`);
}

/** Go's `quoteChar`: as `%q`, but between single quotes. */
function quoted(char: string): string {
  if (char === "'") return "'\\''";
  return char === '"' ? "'\"'" : `'${goQuotedRune(char)}'`;
}
