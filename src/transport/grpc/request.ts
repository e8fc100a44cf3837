import type { RequestHead } from '../http2/index.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import { quoted } from './go-text.ts';
import { responseHead } from './header-blocks.ts';
import { binaryProblem, isBinary, metadataValue } from './metadata.ts';
import type { Route, Router } from './router.ts';
import { parseTimeout } from './timeout.ts';

/** The answer to what becomes no call. The HTTP status is 200 where the request was one, but for nobody. */
export interface Refusal {
  readonly httpStatus: number;
  readonly status: GrpcStatus;
}

const plainContentType = 'application/grpc';
/** Of longer ones the answer does not speak. */
const contentTypeLengthMax = 64;

/**
 * What the headers of a call say, checked in the order of gRPC for Go (`operateHeaders` of http2_server.go). Requests with
 * the same head share one, so it holds nothing of one call.
 */
export class GrpcRequest {
  /** Whom it calls; undefined when `answer` is all that it gets. */
  readonly route: Route | undefined;
  readonly answer: Refusal | undefined;
  /** Milliseconds from the arrival; Infinity without a deadline. */
  readonly timeoutMs: number;
  /** Whether messages may be compressed with gzip; anything else is refused before it is read. */
  readonly isGzip: boolean;
  /** Whether the answer should be. */
  readonly answersGzip: boolean;
  /** Of the answer. */
  readonly contentType: string;
  /** Headers before messages. */
  readonly responseHead: Buffer;
  readonly #head: RequestHead;
  #header: ((name: string) => string | undefined) | undefined;

  constructor(head: RequestHead, router: Router) {
    const { fields } = head;
    let timeoutMs = Infinity;
    let encoding = '';
    let accepted = '';
    let contentType = '';
    let problem: string | undefined;
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      const value = fields[at + 1]!;
      if (name === 'content-type') contentType = value;
      else if (name === 'grpc-timeout') {
        const parsed = parseTimeout(value);
        if (typeof parsed === 'number') timeoutMs = parsed;
        else problem = `malformed grpc-timeout: ${parsed}`;
      } else if (name === 'grpc-encoding') encoding = value;
      else if (name === 'grpc-accept-encoding') accepted = `${accepted},${value}`;
      else if (isBinary(name)) problem = malformedBinary(name, value) ?? problem;
    }
    const route = router.find(head.path);
    this.#head = head;
    this.answer = malformed(head, contentType, problem) ?? unservable(head, route, router, encoding);
    this.route = this.answer === undefined ? route : undefined;
    this.timeoutMs = timeoutMs;
    this.isGzip = encoding === 'gzip';
    // gRPC for Go answers in the encoding of the request whether the client says that it accepts it or not.
    this.answersGzip = this.isGzip && accepted.split(',').some((each) => each.trim() === 'gzip');
    this.contentType = head.isGrpc ? answerContentType(contentType) : plainContentType;
    this.responseHead = responseHead(this.contentType, this.answersGzip);
  }

  /** The first value of a header as services see it. */
  metadata(name: string): string | undefined {
    const value = this.#head.header(name);
    return value === undefined ? undefined : metadataValue(name, value);
  }

  /** The first value of a header as it came: one character per byte. */
  get header(): (name: string) => string | undefined {
    return (this.#header ??= (name) => this.#head.header(name));
  }
}

function malformedBinary(name: string, value: string): string | undefined {
  const wrong = binaryProblem(value);
  if (wrong === undefined) return undefined;
  return `malformed binary metadata ${quoted(value)} in header ${quoted(name)}: ${wrong}`;
}

/** Answers to what is no call. */
function malformed(head: RequestHead, contentType: string, problem: string | undefined): Refusal | undefined {
  if (!head.isGrpc) {
    const message = `invalid gRPC request content-type ${quoted(contentType)}`;
    return refusal(415, GrpcCode.invalidArgument, message);
  }
  if (problem !== undefined) return refusal(400, GrpcCode.internal, problem);
  if (head.authority === '') return refusal(400, GrpcCode.internal, 'no host or :authority header present');
  if (head.method === 'POST') return undefined;
  const message = `Received a HEADERS frame with :method ${quoted(head.method)} which should be POST`;
  return refusal(405, GrpcCode.internal, message);
}

/** Answers to calls that nobody serves. */
function unservable(
  head: RequestHead,
  route: Route | undefined,
  router: Router,
  encoding: string,
): Refusal | undefined {
  if (route === undefined) return { httpStatus: 200, status: router.unknown(head.path) };
  if (encoding === '' || encoding === 'identity' || encoding === 'gzip') return undefined;
  const message = `grpc: Decompressor is not installed for grpc-encoding ${quoted(encoding)}`;
  return refusal(200, GrpcCode.unimplemented, message);
}

function refusal(httpStatus: number, code: number, message: string): Refusal {
  return { httpStatus, status: { code, message } };
}

/** The content type of the request, so that the codec's name comes back; parameters are not repeated. */
function answerContentType(requested: string): string {
  if (requested === plainContentType) return plainContentType;
  const end = requested.indexOf(';');
  const type = end < 0 ? requested : requested.slice(0, end).trimEnd();
  const isNamed = type.length > plainContentType.length + 1 && type.length <= contentTypeLengthMax;
  return isNamed ? type : plainContentType;
}
