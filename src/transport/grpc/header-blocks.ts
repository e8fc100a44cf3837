import { encodeHeaders } from '../hpack/index.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import { percentEncoded } from './go-text.ts';

/**
 * Header blocks of responses. They are valid on every connection at any time, so each is made once: a server says the
 * same few things all day.
 */

/** Texts of clients are part of some, so there is no end of different ones: with more, all are forgotten. */
const blocksMax = 512;
/** Longer texts are not worth remembering. */
const messageLengthMax = 256;

type Field = readonly [string, string];

class BlockCache {
  readonly #blocks = new Map<string, Buffer>();

  get(key: string): Buffer | undefined {
    return this.#blocks.get(key);
  }

  keep(key: string, block: Buffer): Buffer {
    if (this.#blocks.size >= blocksMax) this.#blocks.clear();
    this.#blocks.set(key, block);
    return block;
  }
}

const heads = new BlockCache();
const trailers = new BlockCache();
const refusals = new BlockCache();

/** The trailers of a call that succeeded. */
export const okTrailers: Buffer = encodeHeaders([['grpc-status', String(GrpcCode.ok)]]);

/** Headers before messages. `contentType` comes from `GrpcRequest`. */
export function responseHead(contentType: string, isGzip: boolean): Buffer {
  const key = isGzip ? `gzip ${contentType}` : contentType;
  const known = heads.get(key);
  if (known !== undefined) return known;
  const fields: Field[] = [
    [':status', '200'],
    ['content-type', contentType],
  ];
  if (isGzip) fields.push(['grpc-encoding', 'gzip']);
  return heads.keep(key, encodeHeaders(fields));
}

/** Trailers after headers or messages. */
export function trailersOf(status: GrpcStatus | undefined): Buffer {
  if (status === undefined) return okTrailers;
  const key = `${status.code} ${status.message}`;
  const known = trailers.get(key);
  if (known !== undefined) return known;
  const block = encodeHeaders(statusFields(status));
  return status.message.length > messageLengthMax ? block : trailers.keep(key, block);
}

/** Headers and trailers in one, of a call without messages. `httpStatus` is another than 200 for what is no call at all. */
export function onlyTrailers(contentType: string, status: GrpcStatus | undefined, httpStatus = 200): Buffer {
  const { code, message } = status ?? success;
  const key = `${httpStatus} ${code} ${contentType} ${message}`;
  const known = refusals.get(key);
  if (known !== undefined) return known;
  const block = encodeHeaders([
    [':status', String(httpStatus)],
    ['content-type', contentType],
    ...statusFields(status ?? success),
  ]);
  return message.length > messageLengthMax ? block : refusals.keep(key, block);
}

const success: GrpcStatus = { code: GrpcCode.ok, message: '' };

function statusFields({ code, message }: GrpcStatus): Field[] {
  const fields: Field[] = [['grpc-status', String(code)]];
  if (message !== '') fields.push(['grpc-message', percentEncoded(message)]);
  return fields;
}
