/**
 * The header section of a request, valid by RFC 9113, sections 8.2 and 8.3. Requests of one connection with the same
 * header block may share one object, so nothing in it is about one request.
 */
export class RequestHead {
  readonly method: string;
  /** Empty for CONNECT. */
  readonly scheme: string;
  /** `:authority`, or `host` without one; may be empty. */
  readonly authority: string;
  /** With the query. Starts with `/`, or is `*` (OPTIONS), or empty (CONNECT). */
  readonly path: string;
  /** Name, value, name, value, with the pseudo-headers; one character per byte. */
  readonly fields: readonly string[];
  /** Whether `content-type` is `application/grpc`, alone or followed by `+` or `;`. */
  readonly isGrpc: boolean;
  /** Length of the body as the client announces it, or -1. The connection checks it. */
  readonly contentLength: number;
  /** Whatever the handler derived from this head and wants to find again at the next request that shares it. */
  derived: unknown = undefined;

  constructor(parts: RequestHeadParts) {
    this.method = parts.method;
    this.scheme = parts.scheme;
    this.authority = parts.authority;
    this.path = parts.path;
    this.fields = parts.fields;
    this.isGrpc = parts.isGrpc;
    this.contentLength = parts.contentLength;
  }

  /** The first value of a header, or undefined. Names are lower case. */
  header(name: string): string | undefined {
    const fields = this.fields;
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at] === name) return fields[at + 1];
    }
    return undefined;
  }
}

export interface RequestHeadParts {
  method: string;
  scheme: string;
  authority: string;
  path: string;
  fields: readonly string[];
  isGrpc: boolean;
  contentLength: number;
}
