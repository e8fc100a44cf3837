/** Header compression (RFC 7541). */

export { HpackDecoder, type HpackDecoderOptions } from './decoder.ts';
export { encodeHeaders, tableOff } from './encoder.ts';
export { HpackError } from './errors.ts';
