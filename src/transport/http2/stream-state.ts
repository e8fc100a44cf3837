import type { StreamReceiver } from './handler.ts';
import type { OutQueue } from './out-queue.ts';
import type { RequestHead } from './request-head.ts';

/** Takes nothing: of a stream that nobody serves, or that is over. */
export const noReceiver: StreamReceiver = {
  data: () => undefined,
  trailers: () => undefined,
  cancelled: () => undefined,
  drained: () => undefined,
};

/** What a connection keeps of an open stream. Plain fields: one such object is made for each request. */
export class StreamState {
  readonly id: number;
  readonly head: RequestHead;
  receiver: StreamReceiver = noReceiver;
  /** The client has sent END_STREAM. */
  endedByPeer: boolean;
  /** Both sides have ended, or one has reset. */
  closed = false;
  /** Nothing may be added to the answer any more; what waits is still sent. */
  isEnding = false;

  /** What we may send and what the client may send, by RFC 9113, section 6.9. The former may be negative. */
  sendWindow: number;
  receiveWindow: number;
  /** Bytes given to the receiver that it has not consumed, and consumed ones that the client has not been told of. */
  unconsumed = 0;
  ungranted = 0;
  /** What the head holds in memory for this stream alone. */
  headBytes = 0;
  /** What is missing of the announced body, or -1 when none was announced. */
  bodyLeft: number;

  /** What waits to be sent, if anything ever had to. */
  queue: OutQueue | undefined = undefined;
  trailersBlock: Uint8Array | undefined = undefined;
  /** `write` has said false. */
  isFull = false;
  /** In the list of streams that have something to send and may send it. */
  isReady = false;
  previousReady: StreamState | undefined = undefined;
  nextReady: StreamState | undefined = undefined;
  /** The second in which something of the queue was sent last, or began to wait. */
  progressSecond = 0;

  constructor(id: number, head: RequestHead, isEnded: boolean, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.head = head;
    this.endedByPeer = isEnded;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.bodyLeft = head.contentLength;
  }
}
