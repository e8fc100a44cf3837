/** Custom metadata in headers: text as it is, and bytes in base64 under names that end in `-bin`. */

const binary = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const alphabet = /[^A-Za-z0-9+/]/;

/** Whether the name is one of bytes. */
export function isBinary(name: string): boolean {
  return name.endsWith('-bin');
}

/**
 * What is wrong with a header of bytes, in the words of Go's base64; undefined when nothing is. Several values may be
 * joined by commas, as the protocol says (gRPC for Go refuses them).
 */
export function binaryProblem(value: string): string | undefined {
  let start = 0;
  for (const each of value.split(',')) {
    const piece = each.trim();
    if (!binary.test(piece)) {
      const wrong = piece.search(alphabet);
      return `illegal base64 data at input byte ${start + (wrong < 0 ? Math.max(piece.length - 1, 0) : wrong)}`;
    }
    start += each.length + 1;
  }
  return undefined;
}

/** The value of a header as services see it. Bytes become one character each; of several values the first counts. */
export function metadataValue(name: string, value: string): string {
  if (!isBinary(name)) return value;
  const comma = value.indexOf(',');
  return Buffer.from(comma < 0 ? value : value.slice(0, comma), 'base64').toString('latin1');
}
