import type { Bytes } from '../base/index.ts';
import type { ForwardedAnswer } from '../cluster/index.ts';
import { storeError, type Done, type KeepAliveResult } from '../store/index.ts';
import type { BidiStream, GrpcStatus } from '../transport/index.ts';
import { decodeLeaseKeepAliveRequest, encodeLeaseKeepAliveResponse } from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { statusOf, statusOfCode, statusOfMalformed } from './errors.ts';
import { requiresLeader } from './refuse.ts';

const NOTHING = new Uint8Array(0);
const KEEP_ALIVE_PATH = '/etcdserverpb.Lease/LeaseKeepAlive';
/** Messages of one stream that the leader may be working on for a node that follows. */
const forwardedMax = 64;
/** How often one message goes on to the next leader. */
const leaderChangesMax = 8;
/**
 * After these a message goes on. With a lost connection the leader may have done it; but to keep a lease alive twice is to
 * keep it alive, and etcd's members ask again as well (v3_server.go, LeaseRenew).
 */
const asksAgain: ReadonlySet<string> = new Set([
  storeError('LeaderChanged').message,
  storeError('TimeoutDueToConnectionLost').message,
]);

/**
 * `LeaseKeepAlive`: one answer after the other in the order of the requests, as etcd gives them. While the store or the
 * leader works on as many as it may, the transport is paused, so what waits here is bounded by what it had read already.
 * What a leader has not answered when another leads is asked of that one, and the stream goes on.
 */
export function serveKeepAlives(context: ServerContext, stream: BidiStream): void {
  new KeepAlives(context, stream).start();
}

/** A message that the leader has been asked to answer. */
interface Asked {
  readonly bytes: Uint8Array;
  answer: ForwardedAnswer | undefined;
  leaderChanges: number;
}

class KeepAlives {
  readonly #context: ServerContext;
  readonly #stream: BidiStream;
  readonly #requiresLeader: boolean;
  /** Came, and was not looked at. */
  readonly #waiting: Uint8Array[] = [];
  /** In the order in which they are to be answered. */
  readonly #asked: Asked[] = [];
  /** What the store here works on. */
  #id = 0n;
  #bytes: Uint8Array = NOTHING;
  #isBusy = false;
  #isRunning = false;
  #isHalfClosed = false;
  /** A message was wrong: nothing after it is looked at. */
  #isBroken = false;
  #isFull = false;

  constructor(context: ServerContext, stream: BidiStream) {
    this.#context = context;
    this.#stream = stream;
    this.#requiresLeader = requiresLeader(stream);
  }

  start(): void {
    const stream = this.#stream;
    const { stop, leaderLost } = this.#context;
    stop.add(this.#stopped);
    if (this.#requiresLeader) leaderLost.add(this.#leaderLost);
    stream.onMessage((bytes) => {
      if (this.#waiting.length === 0 && this.#canServe) this.#serve(bytes);
      else this.#waiting.push(bytes);
      if (!this.#canServe) stream.pause();
    });
    stream.onHalfClose(() => {
      this.#isHalfClosed = true;
      this.#next();
    });
    stream.onDrain(() => {
      this.#isFull = false;
      this.#next();
    });
    stream.onCancel(() => this.#release());
  }

  readonly #stopped = (): void => this.#end(statusOfCode('Stopped'));
  readonly #leaderLost = (): void => this.#end(statusOfCode('NoLeader'));

  /** What this node answers itself waits until the leader has answered what came before. */
  get #canServe(): boolean {
    if (this.#isBusy || this.#isFull || this.#isBroken || this.#stream.ended) return false;
    return this.#asked.length < (this.#context.node.leads ? 1 : forwardedMax);
  }

  #serve(bytes: Uint8Array): void {
    try {
      this.#id = decodeLeaseKeepAliveRequest(bytes).id;
    } catch (error) {
      this.#fail(statusOfMalformed(error, 'stream'));
      return;
    }
    const { store, node } = this.#context;
    if (!node.leads) {
      this.#forward(bytes);
      return;
    }
    this.#bytes = bytes;
    this.#isBusy = true;
    this.#isRunning = true;
    store.leaseKeepAlive(this.#id, this.#answered);
    this.#isRunning = false;
  }

  readonly #answered: Done<KeepAliveResult> = (error, result) => {
    this.#isBusy = false;
    if (error !== undefined) {
      if (error.code === 'LeaderChanged' && !this.#stream.ended) this.#forward(this.#bytes);
      else this.#end(statusOf(error));
      return;
    }
    const header = this.#context.headers.at(result.revision);
    this.#send(encodeLeaseKeepAliveResponse({ header, id: this.#id, ttl: result.ttl }));
    // The store answers most at once: then the loop that called it goes on.
    if (!this.#isRunning) queueMicrotask(() => this.#next());
  };

  #forward(bytes: Uint8Array): void {
    const asked: Asked = { bytes, answer: undefined, leaderChanges: 0 };
    this.#asked.push(asked);
    this.#ask(asked);
  }

  #ask(asked: Asked): void {
    this.#context.node.forward(KEEP_ALIVE_PATH, asked.bytes, (answer) => {
      if (asksAgain.has(answer.message) && asked.leaderChanges < leaderChangesMax && !this.#stream.ended) {
        asked.leaderChanges++;
        this.#ask(asked);
        return;
      }
      asked.answer = answer;
      this.#next();
    });
  }

  /** Sends what has been answered, and goes on with what waits. */
  #next(): void {
    this.#flush();
    while (this.#canServe) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) {
        if (!this.#isHalfClosed) this.#stream.resume();
        else if (this.#asked.length === 0) this.#end();
        return;
      }
      this.#serve(bytes);
    }
  }

  #flush(): void {
    while (!this.#isFull && !this.#stream.ended) {
      const answer = this.#asked[0]?.answer;
      if (answer === undefined) return;
      this.#asked.shift();
      if (answer.code === 0) this.#send(answer.body);
      else this.#end({ code: answer.code, message: answer.message });
    }
  }

  #send(message: Bytes): void {
    this.#isFull = !this.#stream.send([message]);
  }

  /** The request that just came is wrong; those before it get their answers first. */
  #fail(status: GrpcStatus): void {
    if (this.#asked.length === 0) {
      this.#end(status);
      return;
    }
    this.#isBroken = true;
    const answer = { code: status.code, message: status.message, body: NOTHING };
    this.#asked.push({ bytes: NOTHING, answer, leaderChanges: 0 });
  }

  #end(status?: GrpcStatus): void {
    this.#release();
    this.#stream.end(status);
  }

  #release(): void {
    const { stop, leaderLost } = this.#context;
    stop.remove(this.#stopped);
    if (this.#requiresLeader) leaderLost.remove(this.#leaderLost);
    this.#waiting.length = 0;
    this.#asked.length = 0;
  }
}
