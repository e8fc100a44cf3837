import type { GrpcStatus } from '../transport/index.ts';
import { statusOfCode } from './errors.ts';

/**
 * What etcd's interceptors check before a call is served. `hasleader` asks for a member that has a leader, which the only
 * member always is; `client-api-version` must be text.
 */
export function refuseByHeaders(header: (name: string) => string | undefined): GrpcStatus | undefined {
  const version = header('client-api-version');
  if (version === undefined || isUtf8(version)) return undefined;
  return statusOfCode('InvalidClientAPIVersion');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Whether the bytes that the characters of a header stand for (one each) are UTF-8. */
function isUtf8(header: string): boolean {
  if (/^[\x00-\x7f]*$/.test(header)) return true;
  try {
    utf8.decode(Buffer.from(header, 'latin1'));
    return true;
  } catch {
    return false;
  }
}
