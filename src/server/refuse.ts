import type { ClusterNodeApi } from '../cluster/index.ts';
import type { Call, GrpcStatus } from '../transport/index.ts';
import { statusOfCode } from './errors.ts';

/**
 * What etcd's interceptors check before a call is served: `client-api-version` must be text, and a call with `hasleader` is
 * for a member that has a leader.
 */
export function refuseByHeaders(
  node: Pick<ClusterNodeApi, 'hasLeader'>,
): (header: (name: string) => string | undefined) => GrpcStatus | undefined {
  return (header) => {
    const version = header('client-api-version');
    if (version !== undefined && !isUtf8(version)) return statusOfCode('InvalidClientAPIVersion');
    if (!node.hasLeader() && header(HAS_LEADER) === 'true') return statusOfCode('NoLeader');
    return undefined;
  };
}

const HAS_LEADER = 'hasleader';

/** Whether a stream is to end when the leader is lost. */
export function requiresLeader(call: Pick<Call, 'metadata'>): boolean {
  return call.metadata(HAS_LEADER) === 'true';
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
