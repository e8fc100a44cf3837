import { ErrorCode } from './error-code.ts';

/**
 * The client broke a rule or a limit in a way that ends the connection: RFC 9113, section 5.4.1. The message becomes the
 * debug data of GOAWAY and is short ASCII.
 */
export class ConnectionViolation extends Error {
  override readonly name = 'ConnectionViolation';
  /** What GOAWAY says: one of ErrorCode. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function protocolError(message: string): ConnectionViolation {
  return new ConnectionViolation(ErrorCode.protocolError, message);
}

export function frameSizeError(message: string): ConnectionViolation {
  return new ConnectionViolation(ErrorCode.frameSizeError, message);
}

export function calmDown(message: string): ConnectionViolation {
  return new ConnectionViolation(ErrorCode.enhanceYourCalm, message);
}
