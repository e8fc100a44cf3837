import type { Done, KeepAliveResult } from '../store/index.ts';
import type { BidiStream, GrpcStatus, Service } from '../transport/index.ts';
import {
  decodeLeaseGrantRequest,
  decodeLeaseKeepAliveRequest,
  decodeLeaseRevokeRequest,
  decodeLeaseTimeToLiveRequest,
  encodeHeaderOnlyResponse,
  encodeLeaseGrantResponse,
  encodeLeaseKeepAliveResponse,
  codecOf,
} from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { statusOf, statusOfCode, statusOfMalformed } from './errors.ts';
import { answer, coldUnary, hotUnary } from './unary.ts';

/** `etcdserverpb.Lease`. */
export function leaseService(context: ServerContext): Service {
  const { store, headers } = context;
  const grant = hotUnary(decodeLeaseGrantRequest, (request, reply) =>
    store.leaseGrant(
      request,
      answer(reply, ({ revision, id, ttl }) =>
        encodeLeaseGrantResponse({ header: headers.at(revision), id, ttl, error: '' }),
      ),
    ),
  );
  const revoke = hotUnary(decodeLeaseRevokeRequest, (request, reply) =>
    store.leaseRevoke(
      request.id,
      answer(reply, ({ revision }) => encodeHeaderOnlyResponse(headers.at(revision))),
    ),
  );
  const timeToLive = hotUnary(decodeLeaseTimeToLiveRequest, ({ id, keys }, reply) =>
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
    ),
  );
  const leases = coldUnary(
    { request: 'etcdserverpb.LeaseLeasesRequest', response: 'etcdserverpb.LeaseLeasesResponse' },
    (_request, reply, encode) =>
      store.leaseLeases(
        answer(reply, ({ revision, ids }) =>
          encode({ header: headers.message(revision), leases: Array.from(ids, (ID) => ({ ID })) }),
        ),
      ),
  );
  return {
    name: 'etcdserverpb.Lease',
    methods: {
      LeaseGrant: grant,
      LeaseRevoke: revoke,
      LeaseKeepAlive: { kind: 'bidi', handle: (stream) => serveKeepAlives(context, stream) },
      LeaseTimeToLive: timeToLive,
      LeaseLeases: leases,
    },
  };
}

/**
 * One answer after the other in the order of the requests, as etcd gives them. While the store works on one, the
 * transport is paused, so what waits here is bounded by what it had read already.
 */
function serveKeepAlives({ store, headers, stop }: ServerContext, stream: BidiStream): void {
  const stopped = (): void => stream.end(statusOfCode('Stopped'));
  stop.add(stopped);
  const release = (): void => stop.remove(stopped);
  const waiting: Uint8Array[] = [];
  let isRunning = false;
  let isBusy = false;
  let isHalfClosed = false;
  let isFull = false;
  let id = 0n;

  const end = (status?: GrpcStatus): void => {
    release();
    waiting.length = 0;
    stream.end(status);
  };
  const answered: Done<KeepAliveResult> = (error, result) => {
    isBusy = false;
    if (error !== undefined) {
      end(statusOf(error));
      return;
    }
    const response = { header: headers.at(result.revision), id, ttl: result.ttl };
    isFull = !stream.send([encodeLeaseKeepAliveResponse(response)]);
    // The store answers most at once: then the loop below goes on.
    if (!isRunning) queueMicrotask(next);
  };
  const serve = (bytes: Uint8Array): void => {
    try {
      id = decodeLeaseKeepAliveRequest(bytes).id;
    } catch (error) {
      end(statusOfMalformed(error, 'stream'));
      return;
    }
    isBusy = true;
    isRunning = true;
    store.leaseKeepAlive(id, answered);
    isRunning = false;
  };
  const next = (): void => {
    while (!isBusy && !isFull && !stream.ended) {
      const bytes = waiting.shift();
      if (bytes === undefined) {
        if (isHalfClosed) end();
        else stream.resume();
        return;
      }
      serve(bytes);
    }
  };
  stream.onMessage((bytes) => {
    if (!isBusy && !isFull && waiting.length === 0) serve(bytes);
    else waiting.push(bytes);
    if (isBusy || isFull) stream.pause();
  });
  stream.onHalfClose(() => {
    isHalfClosed = true;
    next();
  });
  stream.onDrain(() => {
    isFull = false;
    next();
  });
  stream.onCancel(() => {
    release();
    waiting.length = 0;
  });
}
