import { isSpace, jsonDepthMax, jsonTokensMax } from './go-scanner.ts';

/**
 * What a JSON body has against it:
 * - `invalid`: the answer to the client is the message;
 * - `grammar`: it is no JSON; what Go would say about it, the scanner knows;
 * - `tooDeep`: messages inside one another beyond anything that a service would take;
 * - `tooMany`: more than `jsonTokensMax` values, names and escape sequences.
 */
export type JsonProblemCode = 'invalid' | 'grammar' | 'tooDeep' | 'tooMany';

export class JsonProblem extends Error {
  override readonly name = 'JsonProblem';
  readonly code: JsonProblemCode;

  constructor(code: JsonProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type JsonKind = 'null' | 'bool' | 'number' | 'string' | 'object' | 'array';

/** Where a plain run of characters ends in a string. */
const SPECIAL = /["\\\x00-\x1f]/g;
const BEYOND_ASCII = /[\x80-\xff]/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ESCAPED: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * A cursor over JSON text in which a character is a byte (latin1), so that a large base64 value is never decoded as UTF-8
 * first. Each method reads one token and the space before it; what does not fit throws JsonProblem.
 */
export class JsonReader {
  readonly text: string;
  position: number;
  /** Where the token read last begins. */
  start = 0;
  readonly #origin: number;
  #depth = 0;
  #tokens = 0;

  constructor(text: string, position: number) {
    this.text = text;
    this.position = position;
    this.#origin = position;
  }

  /** Skips space; false at the end. */
  hasMore(): boolean {
    while (isSpace(this.text.charCodeAt(this.position))) this.position++;
    return this.position < this.text.length;
  }

  /** What comes next. */
  kind(): JsonKind {
    if (!this.hasMore()) throw grammar();
    switch (this.text[this.position]) {
      case '{':
        return 'object';
      case '[':
        return 'array';
      case '"':
        return 'string';
      case 't':
      case 'f':
        return 'bool';
      case 'n':
        return 'null';
      default:
        return 'number';
    }
  }

  /** Whether the character comes next; takes it if so. */
  take(char: string): boolean {
    if (!this.hasMore()) throw grammar();
    if (this.text[this.position] !== char) return false;
    this.start = this.position++;
    return true;
  }

  expect(char: string): void {
    if (!this.take(char)) throw grammar();
  }

  /** Enters an array or object. */
  open(char: '{' | '['): void {
    this.expect(char);
    this.#count();
    if (++this.#depth > jsonDepthMax) throw grammar();
  }

  /** Whether the array or object ends here. `isFirst`: no comma has to come before the next member. */
  closes(char: '}' | ']', isFirst: boolean): boolean {
    if (this.take(char)) {
      this.#depth--;
      return true;
    }
    if (!isFirst) {
      this.expect(',');
      if (this.hasMore() && this.text[this.position] === char) throw grammar();
    }
    return false;
  }

  bool(): boolean {
    if (this.#word('true')) return true;
    if (this.#word('false')) return false;
    throw grammar();
  }

  null(): void {
    if (!this.#word('null')) throw grammar();
  }

  /** A number as it is written. */
  number(): string {
    if (!this.hasMore()) throw grammar();
    NUMBER.lastIndex = this.position;
    const match = NUMBER.exec(this.text);
    if (match === null) throw grammar();
    this.#count();
    this.start = this.position;
    this.position += match[0].length;
    return match[0];
  }

  string(): string {
    this.expect('"');
    this.#count();
    const start = this.start;
    // The bytes of the string's UTF-8, one in a character.
    let encoded = '';
    for (;;) {
      SPECIAL.lastIndex = this.position;
      const found = SPECIAL.exec(this.text);
      if (found === null) throw grammar();
      encoded += this.text.slice(this.position, found.index);
      this.position = found.index;
      if (found[0] === '"') break;
      if (found[0] !== '\\') throw grammar();
      this.#count();
      encoded += this.#escape(start);
    }
    this.position++;
    this.start = start;
    if (!BEYOND_ASCII.test(encoded)) return encoded;
    try {
      return utf8.decode(Buffer.from(encoded, 'latin1'));
    } catch {
      throw this.problem('invalid UTF-8 in string', { syntax: true });
    }
  }

  /** Skips a value of any kind, checking it as far as Go does. A loop, because the stack has no room for its depth. */
  skip(): void {
    const open: ('}' | ']')[] = [];
    let isFirst = true;
    do {
      const end = open.at(-1);
      if (end !== undefined && this.closes(end, isFirst)) {
        open.pop();
        isFirst = false;
        continue;
      }
      if (end === '}') {
        this.string();
        this.expect(':');
      }
      isFirst = this.#skipOne(open);
    } while (open.length > 0);
  }

  /** The text of the token read last, as an error message shows it. */
  raw(): string {
    return Buffer.from(this.text.slice(this.start, this.position), 'latin1').toString('utf8');
  }

  /** A problem in Go's words, which name the place of the token read last. */
  problem(message: string, options: { syntax?: boolean; at?: number } = {}): JsonProblem {
    const place = this.#place(options.at ?? this.start);
    return new JsonProblem(
      'invalid',
      options.syntax === true
        ? `proto: syntax error (${place}): ${message}`
        : `proto: (${place}): ${message}`,
    );
  }

  /** Line and column, both from 1, of a position; a column is a character of UTF-8. */
  #place(position: number): string {
    let line = 1;
    let column = 1;
    for (let at = this.#origin; at < position; at++) {
      const code = this.text.charCodeAt(at);
      if (code === 0x0a) {
        line++;
        column = 1;
      } else if ((code & 0xc0) !== 0x80) column++;
    }
    return `line ${line}:${column}`;
  }

  #count(): void {
    if (++this.#tokens > jsonTokensMax) throw tooManyTokens();
  }

  /** Skips a value, but of an array or object only the beginning. True when one began. */
  #skipOne(open: ('}' | ']')[]): boolean {
    switch (this.kind()) {
      case 'object':
        this.open('{');
        open.push('}');
        return true;
      case 'array':
        this.open('[');
        open.push(']');
        return true;
      case 'string':
        this.string();
        return false;
      case 'bool':
        this.bool();
        return false;
      case 'null':
        this.null();
        return false;
      case 'number':
        this.number();
        return false;
    }
  }

  #word(word: string): boolean {
    if (!this.hasMore() || !this.text.startsWith(word, this.position)) return false;
    this.#count();
    this.start = this.position;
    this.position += word.length;
    return true;
  }

  /** What an escape sequence stands for, in bytes. Of UTF-16's pairs both halves must be there. */
  #escape(start: number): string {
    const char = this.text[this.position + 1];
    if (char !== 'u') {
      const value = char === undefined ? undefined : ESCAPED[char];
      if (value === undefined) throw grammar();
      this.position += 2;
      return value;
    }
    const first = this.#unit(this.position);
    this.position += 6;
    if (first < 0x80) return String.fromCharCode(first);
    if (first < 0xd800 || first > 0xdfff) return encodedText(first);
    if (this.text.length - this.position < 6) throw new JsonProblem('invalid', 'proto: unexpected EOF');
    const next = this.text.slice(this.position, this.position + 6);
    const second = /^\\u[0-9a-fA-F]{4}$/.test(next) ? this.#unit(this.position) : 0;
    if (first > 0xdbff || second < 0xdc00 || second > 0xdfff) {
      const shown = JSON.stringify(Buffer.from(next, 'latin1').toString('utf8'));
      throw this.problem(`invalid escape code ${shown} in string`, { syntax: true, at: start });
    }
    this.position += 6;
    return encodedText(first, second);
  }

  #unit(at: number): number {
    const digits = this.text.slice(at + 2, at + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw grammar();
    return Number.parseInt(digits, 16);
  }
}

function encodedText(...units: number[]): string {
  return Buffer.from(String.fromCharCode(...units), 'utf8').toString('latin1');
}

export function tooManyTokens(): JsonProblem {
  return new JsonProblem('tooMany', `engram: request body has more than ${jsonTokensMax} values`);
}

function grammar(): JsonProblem {
  return new JsonProblem('grammar', 'proto: unexpected EOF');
}
