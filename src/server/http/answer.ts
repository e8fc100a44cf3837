import type { HttpExchange, HttpHeaders } from '../../transport/index.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: string | Uint8Array;
}

export const PLAIN = 'text/plain; charset=utf-8';
export const NOSNIFF: HttpHeaders = { 'x-content-type-options': 'nosniff' };

/** An error in text, as Go's `http.Error` writes it: with a newline, and not to be taken for anything else. */
export function plainError(status: number, text: string): HttpAnswer {
  return { status, headers: { 'content-type': PLAIN, ...NOSNIFF }, body: `${text}\n` };
}

export const NOT_FOUND = plainError(404, '404 page not found');

const notAllowed = plainError(405, 'Method Not Allowed');
export const METHOD_NOT_ALLOWED: HttpAnswer = {
  ...notAllowed,
  headers: { ...notAllowed.headers, allow: 'GET' },
};

export function send(exchange: HttpExchange, { status, headers, body }: HttpAnswer): void {
  exchange.respond(status, headers, body);
}
