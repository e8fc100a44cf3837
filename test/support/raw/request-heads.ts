/** `:method: POST` and `:scheme: http` or `https` of the static table (RFC 7541, appendix A). */
const METHOD_POST = 0x83;
const SCHEME_HTTP = 0x86;
const SCHEME_HTTPS = 0x87;
const STATIC_COUNT = 61;
/** Names in the static table. */
const nameIndexes: Readonly<Record<string, number>> = {
  ':authority': 1,
  ':path': 4,
  'content-type': 31,
  'user-agent': 58,
};

/**
 * The header blocks of one connection's requests, as grpc-go's clients send them: the first request with a path puts its
 * fields into the header table, later ones are a few bytes that name them. Blocks must be sent in the order in which
 * they were asked for.
 */
export class RequestHeads {
  readonly #scheme: number;
  readonly #fields: readonly (readonly [string, string])[];
  /** The peer's table, newest first; a dozen short fields, so that nothing ever falls out of its 4 KiB. */
  readonly #table: string[] = [];
  #blocks = new Map<string, Buffer>();

  constructor(authority: string, isSecure: boolean) {
    this.#scheme = isSecure ? SCHEME_HTTPS : SCHEME_HTTP;
    this.#fields = [
      [':authority', authority],
      ['content-type', 'application/grpc'],
      ['user-agent', 'engram-load/1'],
      ['te', 'trailers'],
    ];
  }

  block(path: string): Buffer {
    return this.#blocks.get(path) ?? this.#build(path);
  }

  #build(path: string): Buffer {
    const known = this.#table.length;
    const pieces = [Buffer.of(METHOD_POST, this.#scheme), this.#field(':path', path)];
    for (const [name, value] of this.#fields) pieces.push(this.#field(name, value));
    const block = Buffer.concat(pieces);
    // A block that adds to the table is sent once, and moves what the blocks before it point at.
    if (this.#table.length > known) this.#blocks = new Map();
    else this.#blocks.set(path, block);
    return block;
  }

  #field(name: string, value: string): Buffer {
    const entry = `${name}\n${value}`;
    const at = this.#table.indexOf(entry);
    if (at >= 0) return Buffer.of(0x80 | (STATIC_COUNT + 1 + at));
    this.#table.unshift(entry);
    const index = nameIndexes[name];
    const head = index === undefined ? Buffer.concat([Buffer.of(0x40), text(name)]) : Buffer.of(0x40 | index);
    return Buffer.concat([head, text(value)]);
  }
}

/** A string of less than 127 bytes, plain. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
}
