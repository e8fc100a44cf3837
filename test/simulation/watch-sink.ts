import type { Bytes } from '../../src/base/index.ts';
import type { WatchHub, WatchSink, WatchStream } from '../../src/watch/index.ts';
import type { World } from './world.ts';

export interface WatchSinkOptions {
  readonly world: World;
  /** The node. */
  readonly owner: string;
  /** `slowSinks`: chance per response that the transport is full after it, for `fullMs` at most. */
  readonly profile: { readonly slowSinks: number; readonly fullMs: number };
  readonly receive: (response: Bytes) => void;
  /** Told when the hub ends the stream. */
  readonly ended: (code: string) => void;
}

/**
 * A watch stream whose responses reach `receive` after the network's time, as long as the node lives. Now and then the
 * transport is full for a while.
 */
export function openWatch(hub: WatchHub, options: WatchSinkOptions): WatchStream {
  const { world, owner, profile, receive, ended } = options;
  const random = world.random.fork(`sink-${owner}-${world.nowMs()}`);
  let isFull = false;
  let events: Bytes | undefined;
  const sink: WatchSink = {
    send: (slices) => {
      // Other watchers may still get what has filled it: the same bytes behind another head.
      if (isFull && slices.at(-1)?.buffer !== events?.buffer) ended('sent although the transport was full');
      const response = Buffer.concat(slices);
      world.schedule('watchers', 1, () => receive(response));
      if (isFull || !random.chance(profile.slowSinks)) return !isFull;
      isFull = true;
      events = slices.at(-1);
      world.schedule(owner, random.next() * profile.fullMs, () => {
        isFull = false;
        stream.drained();
      });
      return false;
    },
    end: (end) => ended(end?.code ?? 'without a reason'),
  };
  const stream = hub.open(sink);
  return stream;
}
