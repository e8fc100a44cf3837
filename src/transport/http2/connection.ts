import type { Socket } from 'node:net';

/** What the server does with a connection that it accepted. Made by `new Http2Connection(socket, environment)`. */
export interface ConnectionContract {
  /** Requests that are open. */
  readonly streams: number;
  /** Starts to serve; `first` are bytes that somebody else has read from the socket already. */
  start(first?: Buffer): void;
  /** GOAWAY, lets the open requests end, then closes. Resolves when the connection is closed. */
  drain(): Promise<void>;
  /** Closes at once; receivers are told. */
  destroy(): void;
  readonly socket: Socket;
}
