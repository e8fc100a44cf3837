import { RequestHead } from './request-head.ts';

/** Octets that a name must not have: RFC 9113, section 8.2.1. A colon is for pseudo-headers, which are known by name. */
const isBadInName = new Uint8Array(256);
isBadInName.fill(1, 0, 0x21);
isBadInName.fill(1, 0x41, 0x5b);
isBadInName.fill(1, 0x7f);
isBadInName[0x3a] = 1;

const contentLengthPattern = /^[0-9]{1,15}$/;
const grpcType = 'application/grpc';

/** What is being read from a field list. */
class Parts {
  method = '';
  scheme = '';
  authority: string | undefined;
  path = '';
  host: string | undefined;
  contentType = '';
  contentLength = -1;
  readonly fields: readonly string[];

  constructor(fields: readonly string[]) {
    this.fields = fields;
  }

  get isGrpc(): boolean {
    const type = this.contentType;
    if (!type.startsWith(grpcType)) return false;
    const next = type.charCodeAt(grpcType.length);
    return Number.isNaN(next) || next === 0x2b || next === 0x3b;
  }
}

/** Reads the fields of a request, or says what makes it malformed: RFC 9113, sections 8.2 and 8.3. */
export function parseRequestHead(fields: readonly string[]): RequestHead | string {
  const parts = new Parts(fields);
  let at = 0;
  for (; at < fields.length && fields[at]!.startsWith(':'); at += 2) {
    const problem = pseudoHeader(parts, fields[at]!, fields[at + 1]!);
    if (problem !== undefined) return problem;
  }
  for (; at < fields.length; at += 2) {
    const problem = regularHeader(parts, fields[at]!, fields[at + 1]!);
    if (problem !== undefined) return problem;
  }
  const problem = requestTarget(parts);
  if (problem !== undefined) return problem;
  return new RequestHead({
    method: parts.method,
    scheme: parts.scheme,
    authority: parts.authority ?? parts.host ?? '',
    path: parts.path,
    fields,
    isGrpc: parts.isGrpc,
    contentLength: parts.contentLength,
  });
}

/** What makes trailers malformed, or undefined. */
export function trailersProblem(fields: readonly string[]): string | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at]!.startsWith(':')) return 'pseudo-header in trailers';
    const problem = fieldProblem(fields[at]!, fields[at + 1]!);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Each one once, and not empty but for the authority, so that an empty one has not come yet. */
function pseudoHeader(parts: Parts, name: string, value: string): string | undefined {
  const isRepeated =
    (name === ':method' && parts.method !== '') ||
    (name === ':scheme' && parts.scheme !== '') ||
    (name === ':path' && parts.path !== '') ||
    (name === ':authority' && parts.authority !== undefined);
  if (isRepeated) return 'pseudo-header twice';
  if (name === ':method') parts.method = value;
  else if (name === ':scheme') parts.scheme = value;
  else if (name === ':path') parts.path = value;
  else if (name === ':authority') parts.authority = value;
  else return 'unknown pseudo-header';
  if (value === '' && name !== ':authority') return 'empty pseudo-header';
  return valueProblem(value);
}

function regularHeader(parts: Parts, name: string, value: string): string | undefined {
  const problem = fieldProblem(name, value);
  if (problem !== undefined) return problem;
  switch (name) {
    case 'connection':
    case 'proxy-connection':
    case 'keep-alive':
    case 'transfer-encoding':
    case 'upgrade':
      return 'connection-specific header';
    case 'te':
      return value.toLowerCase() === 'trailers' ? undefined : 'te other than trailers';
    case 'host':
      if (parts.host !== undefined) return 'host twice';
      parts.host = value;
      return undefined;
    case 'content-type':
      parts.contentType ||= value;
      return undefined;
    case 'content-length':
      return contentLength(parts, value);
    default:
      return undefined;
  }
}

function contentLength(parts: Parts, value: string): string | undefined {
  if (!contentLengthPattern.test(value)) return 'content-length is not a number';
  const length = Number(value);
  if (parts.contentLength >= 0 && parts.contentLength !== length) return 'content-length twice';
  parts.contentLength = length;
  return undefined;
}

/** RFC 9113, sections 8.3.1 and 8.5. */
function requestTarget(parts: Parts): string | undefined {
  if (parts.method === '') return 'no method';
  if (parts.authority?.includes('@')) return 'userinfo in authority';
  if (parts.method === 'CONNECT') {
    if (parts.scheme !== '' || parts.path !== '') return 'CONNECT with scheme or path';
    return parts.authority === undefined ? 'CONNECT without authority' : undefined;
  }
  if (parts.scheme === '') return 'no scheme';
  if (parts.path === '') return 'no path';
  if (!parts.path.startsWith('/') && !(parts.path === '*' && parts.method === 'OPTIONS')) return 'bad path';
  const isOther =
    parts.host !== undefined &&
    parts.authority !== undefined &&
    parts.host.toLowerCase() !== parts.authority.toLowerCase();
  return isOther ? 'host other than authority' : undefined;
}

function fieldProblem(name: string, value: string): string | undefined {
  if (name === '') return 'empty header name';
  for (let at = 0; at < name.length; at++) {
    if (isBadInName[name.charCodeAt(at)] !== 0) return 'bad header name';
  }
  return valueProblem(value);
}

/** RFC 9113, section 8.2.1: no NUL, LF or CR anywhere, no space or tab around it. */
function valueProblem(value: string): string | undefined {
  const length = value.length;
  if (length === 0) return undefined;
  for (let at = 0; at < length; at++) {
    const octet = value.charCodeAt(at);
    if (octet === 0 || octet === 0x0a || octet === 0x0d) return 'bad header value';
  }
  return isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1))
    ? 'blank around header value'
    : undefined;
}

function isBlank(octet: number): boolean {
  return octet === 0x20 || octet === 0x09;
}
