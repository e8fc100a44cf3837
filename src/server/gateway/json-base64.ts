// Each looks for what is wrong: a pattern of what is right would keep a note of every character on the way.
const NOT_STANDARD = /[^A-Za-z0-9+/]/;
const NOT_URL_SAFE = /[^A-Za-z0-9_-]/;

/**
 * Bytes from base64 as Go's protojson takes them: standard or URL-safe, padded or not, line breaks ignored. Undefined when
 * they are none of these.
 */
export function base64Bytes(text: string): Buffer | undefined {
  const isPadded = text.length % 4 === 0;
  const compact = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text;
  if (compact.length % 4 === 1 || (isPadded && compact.length % 4 !== 0)) return undefined;
  const content = isPadded ? withoutPadding(compact) : compact;
  if ((/[-_]/.test(content) ? NOT_URL_SAFE : NOT_STANDARD).test(content)) return undefined;
  return Buffer.from(content, 'base64');
}

function withoutPadding(text: string): string {
  if (!text.endsWith('=')) return text;
  return text.slice(0, text.endsWith('==') ? -2 : -1);
}
