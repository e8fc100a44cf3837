import type { WatchEnd, WatchSink } from '../watch/index.ts';
import { GrpcCode, type BidiStream, type GrpcStatus, type Service } from '../transport/index.ts';
import { decodeWatchRequest, type WatchRequest } from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { statusOfCode, statusOfMalformed } from './errors.ts';

/**
 * `etcdserverpb.Watch`. The stream lives until the client cancels it: when the client has only finished sending, its
 * watches go on, as in etcd.
 */
export function watchService(context: ServerContext): Service {
  return {
    name: 'etcdserverpb.Watch',
    methods: { Watch: { kind: 'bidi', handle: (stream) => serveWatches(context, stream) } },
  };
}

function serveWatches({ hub }: ServerContext, stream: BidiStream): void {
  const sink: WatchSink = {
    send: (slices) => stream.send(slices),
    end: (end) => stream.end(statusOfEnd(end)),
  };
  const watches = hub.open(sink);
  stream.onCancel(() => watches.close());
  stream.onDrain(() => {
    if (watches.drained()) stream.resume();
  });
  stream.onMessage((bytes) => {
    let request: WatchRequest;
    try {
      request = decodeWatchRequest(bytes);
    } catch (error) {
      const status = statusOfMalformed(error, 'stream');
      watches.close();
      stream.end(status);
      return;
    }
    if (!watches.receive(request)) stream.pause();
  });
}

function statusOfEnd(end: WatchEnd | undefined): GrpcStatus | undefined {
  switch (end?.code) {
    case undefined:
      return undefined;
    case 'stopped':
      return statusOfCode('Stopped');
    case 'too-many-requests':
      return statusOfCode('TooManyRequests');
    case 'unavailable':
      return { code: GrpcCode.unavailable, message: 'engram: old values cannot be read now' };
  }
}
