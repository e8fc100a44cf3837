/**
 * Texts as gRPC for Go writes them. Header values come as one character per byte; where Go takes such bytes for UTF-8,
 * so does this.
 */

import { goQuotedRune, hexDigits } from '../../base/index.ts';

const ascii = /^[\x00-\x7f]*$/;

/** The text that the bytes of a header value stand for: U+FFFD where they are not UTF-8. */
export function textOfHeader(value: string): string {
  return ascii.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8');
}

const plain = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/;

/** A header value as Go's `%q` prints it. */
export function quoted(value: string): string {
  if (plain.test(value)) return `"${value}"`;
  const bytes = Buffer.from(value, 'latin1');
  let out = '"';
  for (let at = 0; at < bytes.length;) {
    const length = runeLength(bytes, at);
    if (length === 0) {
      out += `\\x${hexDigits(bytes[at]!, 2)}`;
      at++;
      continue;
    }
    out += goQuotedRune(bytes.toString('utf8', at, at + length));
    at += length;
  }
  return `${out}"`;
}

/** How many bytes the UTF-8 sequence at `at` has; 0 when there is none. */
function runeLength(bytes: Buffer, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const piece = bytes.subarray(at, at + length);
  return Buffer.from(piece.toString('utf8'), 'utf8').equals(piece) ? length : 0;
}

const needsNoPercent = /^[\x20-\x24\x26-\x7e]*$/;

/** A status message as the header `grpc-message`: UTF-8 with everything but printable ASCII percent-encoded. */
export function percentEncoded(message: string): string {
  if (needsNoPercent.test(message)) return message;
  let out = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    out += isPlain ? String.fromCharCode(byte) : `%${hexDigits(byte, 2).toUpperCase()}`;
  }
  return out;
}
