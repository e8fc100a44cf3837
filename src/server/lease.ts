import type { Service } from '../transport/index.ts';
import {
  codecOf,
  decodeLeaseGrantRequest,
  decodeLeaseKeepAliveRequest,
  decodeLeaseRevokeRequest,
  decodeLeaseTimeToLiveRequest,
  encodeHeaderOnlyResponse,
  encodeLeaseGrantResponse,
  encodeLeaseKeepAliveResponse,
} from '../wire/index.ts';
import type { CallContext, ServerContext } from './context.ts';
import { serveKeepAlives } from './keep-alives.ts';
import { answer, coldUnary, hotUnary, leaderUnary, type LeaderMethod, type UnaryMethod } from './unary.ts';

export const LEASE_PATH = '/etcdserverpb.Lease/';

/** `etcdserverpb.Lease`. */
export function leaseService(context: ServerContext): Service {
  const leases = coldUnary(
    { request: 'etcdserverpb.LeaseLeasesRequest', response: 'etcdserverpb.LeaseLeasesResponse' },
    (_request, reply, { encode }) => {
      const { store, headers } = context;
      store.leaseLeases(
        answer(reply, ({ revision, ids }) =>
          encode({ header: headers.message(revision), leases: Array.from(ids, (ID) => ({ ID })) }),
        ),
      );
    },
  );
  return {
    name: 'etcdserverpb.Lease',
    methods: {
      ...leaderLeaseMethods(context),
      LeaseKeepAlive: { kind: 'bidi', handle: (stream) => serveKeepAlives(context, stream) },
      LeaseLeases: leases,
    },
  };
}

/** The calls with one answer that only the leader can give. */
export function leaderLeaseMethods(
  context: CallContext,
): Readonly<Record<'LeaseGrant' | 'LeaseRevoke' | 'LeaseTimeToLive', UnaryMethod>> {
  const onLeader = (method: string): LeaderMethod => ({ node: context.node, path: LEASE_PATH + method });
  const grant = leaderUnary(onLeader('LeaseGrant'), decodeLeaseGrantRequest, (request, reply) => {
    const { store, headers } = context;
    store.leaseGrant(
      request,
      answer(reply, ({ revision, id, ttl }) =>
        encodeLeaseGrantResponse({ header: headers.at(revision), id, ttl, error: '' }),
      ),
    );
  });
  const revoke = leaderUnary(onLeader('LeaseRevoke'), decodeLeaseRevokeRequest, (request, reply) => {
    const { store, headers } = context;
    store.leaseRevoke(
      request.id,
      answer(reply, ({ revision }) => encodeHeaderOnlyResponse(headers.at(revision))),
    );
  });
  const timeToLive = leaderUnary(
    onLeader('LeaseTimeToLive'),
    decodeLeaseTimeToLiveRequest,
    ({ id, keys }, reply) => {
      const { store, headers } = context;
      store.leaseTimeToLive(
        id,
        keys,
        answer(reply, (result) =>
          codecOf('etcdserverpb.LeaseTimeToLiveResponse').encode({
            header: headers.message(result.revision),
            ID: id,
            TTL: result.ttl,
            grantedTTL: result.grantedTtl,
            keys: result.keys.map((key) => Buffer.from(key.buffer, key.byteOffset, key.byteLength)),
          }),
        ),
      );
    },
  );
  return { LeaseGrant: grant, LeaseRevoke: revoke, LeaseTimeToLive: timeToLive };
}

/** One message of a stream of keep-alives, which another node has forwarded by itself. */
export function oneKeepAlive(context: CallContext): UnaryMethod {
  return hotUnary(decodeLeaseKeepAliveRequest, ({ id }, reply) => {
    const { store, headers } = context;
    store.leaseKeepAlive(
      id,
      answer(reply, ({ revision, ttl }) =>
        encodeLeaseKeepAliveResponse({ header: headers.at(revision), id, ttl }),
      ),
    );
  });
}
