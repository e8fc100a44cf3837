import { BlockCache } from './block-cache.ts';
import { BlockReader } from './block-reader.ts';
import { DynamicTable, ENTRY_OVERHEAD_BYTES } from './dynamic-table.ts';
import { HpackError } from './errors.ts';
import { STATIC_COUNT, staticNames, staticValues } from './static-table.ts';

export interface HpackDecoderOptions {
  /** The SETTINGS_HEADER_TABLE_SIZE that we announced: the peer's table is never larger. */
  readonly tableBytesMax: number;
  /** The SETTINGS_MAX_HEADER_LIST_SIZE that we announced, 32 bytes per field included (RFC 9113, section 6.5.2). */
  readonly listBytesMax: number;
}

/**
 * Decodes the header blocks of one connection, in the order of their arrival (RFC 7541).
 *
 * Its methods are `private`, not `#`: V8 checks the brand of the object at each call of a `#method`, which made a
 * block one and a half times as expensive on Node 20.
 */
export class HpackDecoder {
  readonly #tableBytesMax: number;
  readonly #listBytesMax: number;
  readonly #table: DynamicTable;
  readonly #cache = new BlockCache();
  readonly #reader = new BlockReader();
  /** Of the block being decoded: undefined once the list has become too large. */
  #fields: string[] | undefined;
  #listBytes = 0;

  constructor(options: HpackDecoderOptions) {
    this.#tableBytesMax = options.tableBytesMax;
    this.#listBytesMax = options.listBytesMax;
    this.#table = new DynamicTable(options.tableBytesMax);
  }

  /**
   * Decodes one complete header block: the octets of `block` from `start` to `end`, which are not kept.
   *
   * Returns name, value, name, value..., in the order they were sent, one character per octet, for the caller to read
   * only: the same block gets the same array again as long as the peer adds nothing to its table, so that whatever is
   * worked out from an array can be remembered with it. A list that is larger than allowed is decoded to its end, because
   * the table must stay right, but not kept: 'tooLarge'. Memory is bounded by the limits and the length of the block, time
   * by the length of the block.
   *
   * Throws HpackError for a block that is not allowed; after that the connection must end.
   */
  decode(block: Uint8Array, start: number, end: number): readonly string[] | 'tooLarge' {
    const known = this.#cache.get(block, start, end);
    if (known !== undefined) return known;
    const changes = this.#table.changes;
    this.#fields = [];
    this.#listBytes = 0;
    this.#reader.open(block, start, end);
    this.sizeUpdates(block, end);
    while (this.#reader.at < end) this.field(block[this.#reader.at++]!);
    const fields: readonly string[] | undefined = this.#fields;
    this.#fields = undefined;
    if (this.#table.changes !== changes) this.#cache.clear();
    else if (fields !== undefined) this.#cache.put(block, start, end, Object.freeze(fields));
    return fields ?? 'tooLarge';
  }

  /** Changes of the table's size are allowed at the start of a block only (RFC 7541, section 4.2). */
  private sizeUpdates(block: Uint8Array, end: number): void {
    const reader = this.#reader;
    while (reader.at < end && (block[reader.at]! & 0xe0) === 0x20) {
      const bytesMax = reader.integer(block[reader.at++]!, 0x1f);
      if (bytesMax > this.#tableBytesMax) {
        throw new HpackError(`A header table of ${bytesMax} bytes is more than was allowed`);
      }
      this.#table.resize(bytesMax);
    }
  }

  /** One field, by the bits that its first octet starts with (RFC 7541, section 6). */
  private field(first: number): void {
    if (first >= 0x80) this.indexed(this.#reader.integer(first, 0x7f));
    else if (first >= 0x40) this.literal(this.#reader.integer(first, 0x3f), true);
    else if (first >= 0x20) throw new HpackError('A change of the table size follows a field');
    // 0x10 asks those who pass a field on never to index it; we pass nothing on.
    else this.literal(this.#reader.integer(first, 0x0f), false);
  }

  private indexed(number: number): void {
    if (number > 0 && number <= STATIC_COUNT) {
      this.keep(staticNames[number]!, staticValues[number]!);
      return;
    }
    const entry = this.entry(number);
    this.keep(this.#table.name(entry), this.#table.value(entry));
  }

  private literal(nameNumber: number, add: boolean): void {
    const name = nameNumber === 0 ? this.#reader.string() : this.name(nameNumber);
    const value = this.#reader.string();
    if (add) this.#table.add(name, value);
    this.keep(name, value);
  }

  private name(number: number): string {
    return number <= STATIC_COUNT ? staticNames[number]! : this.#table.name(this.entry(number));
  }

  /** The entry of the dynamic table that a field number means. */
  private entry(number: number): number {
    const entry = number - STATIC_COUNT - 1;
    if (entry < 0 || entry >= this.#table.count) {
      throw new HpackError(`There is no header field ${number} in the tables`);
    }
    return entry;
  }

  private keep(name: string, value: string): void {
    this.#listBytes += name.length + value.length + ENTRY_OVERHEAD_BYTES;
    if (this.#listBytes > this.#listBytesMax) this.#fields = undefined;
    else this.#fields?.push(name, value);
  }
}
