import type { FieldShape, MessageShape } from '../../wire/index.ts';
import { bigVarintSize, varintSize, writeBigVarint, writeVarint } from '../../wire/index.ts';
import { tagOf, WireType } from '../../wire/reader.ts';
import { scanLikeGo } from './go-scanner.ts';
import { base64Bytes } from './json-base64.ts';
import { fits, integerInString, integerOf } from './json-integers.ts';
import { JsonProblem, JsonReader, tooManyTokens } from './json-reader.ts';

/** Messages inside one another, at most: four times as many as a transaction of etcd's can have. */
export const messageDepthMax = 1024;

/** One message, and where its JSON ended. */
export interface DecodedJson {
  readonly bytes: Buffer;
  readonly end: number;
}

/**
 * Translates the JSON value that begins at `start` into a protobuf message, by the rules of protobuf's JSON mapping as Go's
 * protojson has them with `DiscardUnknown`. A character of the text is a byte (latin1). Undefined when there is only space.
 * Throws JsonProblem, but never `grammar`; `invalid` is in etcd's words.
 */
export function decodeJson(shape: MessageShape, text: string, start = 0): DecodedJson | undefined {
  const reader = new JsonReader(text, start);
  if (!reader.hasMore()) return undefined;
  try {
    return decodeAt(shape, text, reader.position);
  } catch (error) {
    if (!(error instanceof JsonProblem) || error.code === 'tooMany') throw error;
    // etcd looks at the whole value's grammar first, and then at nothing behind it.
    const scanned = scanLikeGo(text, start);
    if (scanned === undefined) return undefined;
    if (scanned === 'tooMany') throw tooManyTokens();
    if ('problem' in scanned) throw new JsonProblem('invalid', scanned.problem);
    return decodeAt(shape, text.slice(0, scanned.end), reader.position);
  }
}

function decodeAt(shape: MessageShape, text: string, start: number): DecodedJson {
  const decoder = new JsonDecoder(text, start);
  return { bytes: decoder.message(shape), end: decoder.end };
}

const KNOWN_NAMES = new WeakMap<MessageShape, ReadonlyMap<string, FieldShape>>();

/** Fields by either of their names; the name in JSON wins. */
function fieldsByName(shape: MessageShape): ReadonlyMap<string, FieldShape> {
  let names = KNOWN_NAMES.get(shape);
  if (names === undefined) {
    names = new Map([
      ...shape.fields.map((field) => [field.name, field] as const),
      ...shape.fields.map((field) => [field.jsonName, field] as const),
    ]);
    KNOWN_NAMES.set(shape, names);
  }
  return names;
}

class JsonDecoder {
  readonly #reader: JsonReader;
  /** The message as parts; the head of a nested one is filled in when its length is known. */
  readonly #parts: Uint8Array[] = [];
  #size = 0;
  #depth = 0;

  constructor(text: string, start: number) {
    this.#reader = new JsonReader(text, start);
  }

  get end(): number {
    return this.#reader.position;
  }

  message(shape: MessageShape): Buffer {
    this.#fields(shape);
    return Buffer.concat(this.#parts, this.#size);
  }

  #fields(shape: MessageShape): void {
    const reader = this.#reader;
    if (++this.#depth > messageDepthMax)
      throw new JsonProblem('tooDeep', 'proto: exceeded max recursion depth');
    if (reader.kind() !== 'object') throw this.#unexpectedToken();
    reader.open('{');
    const names = fieldsByName(shape);
    const seen = new Set<number | string>();
    for (let isFirst = true; !reader.closes('}', isFirst); isFirst = false) {
      const name = reader.string();
      const shown = reader.raw();
      const place = reader.start;
      reader.expect(':');
      const field = names.get(name);
      if (field === undefined) {
        reader.skip();
        continue;
      }
      if (seen.has(field.number)) throw reader.problem(`duplicate field ${shown}`, { at: place });
      seen.add(field.number);
      if (reader.kind() === 'null') {
        reader.null();
        continue;
      }
      if (field.oneof !== undefined) {
        if (seen.has(field.oneof)) {
          const detail = `error parsing ${shown}, oneof ${field.oneof} is already set`;
          throw reader.problem(detail, { at: place });
        }
        seen.add(field.oneof);
      }
      if (field.isRepeated) this.#list(field);
      else this.#value(field, field.oneof !== undefined);
    }
    this.#depth--;
  }

  #list(field: FieldShape): void {
    const reader = this.#reader;
    if (reader.kind() !== 'array') throw this.#unexpectedToken();
    reader.open('[');
    for (let isFirst = true; !reader.closes(']', isFirst); isFirst = false) this.#value(field, true);
  }

  /** `keepsZero`: whether a zero is written too, because it says something there. */
  #value(field: FieldShape, keepsZero: boolean): void {
    const { kind, number } = field;
    switch (kind) {
      case 'message':
        this.#nested(field);
        return;
      case 'bytes':
      case 'string': {
        const bytes = kind === 'bytes' ? this.#bytes(field) : this.#text(field);
        if (bytes.length === 0 && !keepsZero) return;
        this.#push(head(number, bytes.length));
        this.#push(bytes);
        return;
      }
      default: {
        const value = this.#number(field);
        if (value === undefined || (value === 0n && !keepsZero)) return;
        const target = Buffer.allocUnsafe(varintSize(tagOf(number, WireType.varint)) + bigVarintSize(value));
        writeBigVarint(target, writeVarint(target, 0, tagOf(number, WireType.varint)), value);
        this.#push(target);
      }
    }
  }

  #nested({ message, number }: FieldShape): void {
    if (message === undefined) throw new Error('A field of a message has no shape');
    const at = this.#parts.length;
    this.#push(EMPTY);
    const before = this.#size;
    this.#fields(message);
    const filled = head(number, this.#size - before);
    this.#parts[at] = filled;
    this.#size += filled.length;
  }

  /** Undefined: a name that the enumeration does not have, which is as good as nothing. */
  #number(field: FieldShape): bigint | undefined {
    const { kind, values } = field;
    const reader = this.#reader;
    const given = reader.kind();
    if (kind === 'bool') {
      if (given === 'bool') return reader.bool() ? 1n : 0n;
      throw this.#invalid(field);
    }
    if (kind === 'enum' && given === 'string') {
      const name = reader.string();
      for (const [number, each] of values ?? []) if (each === name) return BigInt(number);
      return undefined;
    }
    let value: bigint | undefined;
    if (given === 'number') value = integerOf(reader.number());
    else if (given === 'string' && kind !== 'enum') value = integerInString(reader.string());
    else throw this.#invalid(field);
    const bits = kind === 'int64' || kind === 'uint64' ? 64 : 32;
    if (value === undefined || !fits(value, bits, !kind.startsWith('uint'))) throw this.#invalidToken(field);
    return value;
  }

  #bytes(field: FieldShape): Uint8Array {
    if (this.#reader.kind() !== 'string') throw this.#invalid(field);
    const bytes = base64Bytes(this.#reader.string());
    if (bytes === undefined) throw this.#invalidToken(field);
    return bytes;
  }

  #text(field: FieldShape): Uint8Array {
    if (this.#reader.kind() !== 'string') throw this.#invalid(field);
    return Buffer.from(this.#reader.string(), 'utf8');
  }

  /** A value of the wrong kind comes next. */
  #invalid(field: FieldShape): JsonProblem {
    this.#readToken();
    return this.#invalidToken(field);
  }

  /** The value that was just read is wrong. */
  #invalidToken({ kind, jsonName }: FieldShape): JsonProblem {
    return this.#reader.problem(`invalid value for ${kind} field ${jsonName}: ${this.#reader.raw()}`);
  }

  #unexpectedToken(): JsonProblem {
    this.#readToken();
    return this.#reader.problem(`unexpected token ${this.#reader.raw()}`, { syntax: true });
  }

  /** One token, so that it can be named. */
  #readToken(): void {
    const reader = this.#reader;
    switch (reader.kind()) {
      case 'object':
        reader.expect('{');
        return;
      case 'array':
        reader.expect('[');
        return;
      case 'string':
        reader.string();
        return;
      case 'bool':
        reader.bool();
        return;
      case 'null':
        reader.null();
        return;
      case 'number':
        // In a list this may be its end.
        reader.number();
        return;
    }
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#size += part.length;
  }
}

const EMPTY = new Uint8Array(0);

/** Tag and length of a field of bytes or a message. */
function head(number: number, length: number): Buffer {
  const tag = tagOf(number, WireType.bytes);
  const target = Buffer.allocUnsafe(varintSize(tag) + varintSize(length));
  writeVarint(target, writeVarint(target, 0, tag), length);
  return target;
}
