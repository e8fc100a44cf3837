import type { WatchEnd, WatchSink } from '../watch/index.ts';
import { GrpcCode, type BidiStream, type GrpcStatus, type Service } from '../transport/index.ts';
import { decodeWatchRequest, type WatchRequest } from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { statusOfCode, statusOfMalformed } from './errors.ts';
import { requiresLeader } from './refuse.ts';

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

function serveWatches({ hub, leaderLost }: ServerContext, stream: BidiStream): void {
  const needsLeader = requiresLeader(stream);
  // The stream may end while it is opened, so all that its end needs stands before that.
  const lost = (): void => fail(statusOfCode('NoLeader'));
  const release = (): void => {
    if (needsLeader) leaderLost.remove(lost);
  };
  const sink: WatchSink = {
    send: (slices) => stream.send(slices),
    end: (end) => {
      release();
      stream.end(statusOfEnd(end));
    },
  };
  const watches = hub.open(sink);
  const close = (): void => {
    release();
    watches.close();
  };
  const fail = (status: GrpcStatus): void => {
    close();
    stream.end(status);
  };
  if (needsLeader && !stream.ended) leaderLost.add(lost);
  stream.onCancel(close);
  stream.onDrain(() => {
    if (watches.drained()) stream.resume();
  });
  stream.onMessage((bytes) => {
    let request: WatchRequest;
    try {
      request = decodeWatchRequest(bytes);
    } catch (error) {
      fail(statusOfMalformed(error, 'stream'));
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
    case 'replaced':
      // Any text will do: with this code clients go on where they were.
      return { code: GrpcCode.unavailable, message: 'engram: the log was read anew' };
    case 'too-many-requests':
      return statusOfCode('TooManyRequests');
    case 'unavailable':
      return { code: GrpcCode.unavailable, message: 'engram: old values cannot be read now' };
  }
}
