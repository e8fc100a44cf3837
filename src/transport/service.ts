import type { ByteSource } from './byte-source.ts';
import type { Listener } from './listener.ts';
import type { GrpcStatus } from './status.ts';

/**
 * The seam between services and whatever carries calls to them. A handler takes the bytes of one request message and
 * gives the bytes of response messages; it knows neither gRPC's framing nor HTTP/2.
 *
 * Bytes of requests belong to the handler for as long as it likes; nobody writes into them again. Bytes of responses
 * must not change after they have been handed over.
 */

/** One message as the concatenation of its parts, so that it is sent without being copied together first. */
export type Slices = readonly Uint8Array[];

/** A message in one of the forms in which a handler may have it; a source is closed by whoever was given it. */
export type Message = Uint8Array | Slices | ByteSource;

/** What a handler may know about the call that it serves. */
export interface Call {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Address of the client, for logs. */
  readonly peer: string;
  /** Wall-clock milliseconds at which the client gives up; Infinity when it never does. The transport ends the call. */
  readonly deadlineMs: number;
  /** True once the call has ended, by whomever. What is sent afterwards goes nowhere. */
  readonly ended: boolean;
  /** The first value of a request header, or undefined. Names are lower case; bytes (`-bin`) are a character each. */
  metadata(name: string): string | undefined;
  /**
   * Runs once if the call ends before its handler has ended it: cancelled, past its deadline, connection gone. `code` is the
   * status that it ended with.
   */
  onCancel(run: (code: number) => void): void;
}

/** Ends a unary call: with a status, or with a response. Called once; a second time is a bug. */
export type Reply = (status: GrpcStatus | undefined, response?: Message) => void;

export type UnaryHandler = (request: Uint8Array, call: Call, reply: Reply) => void;

export interface ServerStream extends Call {
  /** Sends one message. False: the client is behind; send no more until `onDrain`'s callback runs. */
  send(message: Message): boolean;
  /** Runs each time that the stream takes messages again after `send` returned false. */
  onDrain(run: () => void): void;
  /** Ends the call after everything sent so far: successfully, or with a status. */
  end(status?: GrpcStatus): void;
}

export type ServerStreamHandler = (request: Uint8Array, stream: ServerStream) => void;

export interface BidiStream extends ServerStream {
  /** Runs for each message of the client, in order. Set in the turn in which the handler is called. */
  onMessage(run: (request: Uint8Array) => void): void;
  /** Runs once when the client has sent its last message. */
  onHalfClose(run: () => void): void;
  /** Takes no more messages from the client, until `resume`; a few that are under way may still come. */
  pause(): void;
  resume(): void;
}

export type BidiHandler = (stream: BidiStream) => void;

export type Method =
  | { readonly kind: 'unary'; readonly handle: UnaryHandler }
  | { readonly kind: 'serverStream'; readonly handle: ServerStreamHandler }
  | { readonly kind: 'bidi'; readonly handle: BidiHandler };

export interface Service {
  /** With its package: `etcdserverpb.KV`. */
  readonly name: string;
  readonly methods: Readonly<Record<string, Method>>;
}

export interface GrpcServer {
  /** Serves the connections of a listener, which it owns from now on. */
  serve(listener: Listener): void;
  /** How many connections are open. */
  readonly connections: number;
  /**
   * Accepts nothing new, tells clients to go away, and waits until their calls have ended, at most `graceMs`; then
   * closes what is left.
   */
  drain(graceMs: number): Promise<void>;
  /** Closes every listener and connection at once. */
  close(): Promise<void>;
}
