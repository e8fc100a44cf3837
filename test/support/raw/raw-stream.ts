/** How a call ended that the server gave no grpc-status: the connection broke, or the stream was reset. */
export const NO_STATUS = -1;

/** One call on a RawConnection, and who listens to it. An object serves one call after the other. */
export abstract class RawStream {
  /** The three below are the connection's: the stream's number, bytes not yet granted again, and what it may send. */
  id = 0;
  ungranted = 0;
  window = 0;

  /** A part of the body, which is gRPC's messages one after the other. The bytes are valid during the call only. */
  abstract data(bytes: Buffer, start: number, end: number): void;

  /** The call has ended: 0 is OK, NO_STATUS none. `message` is the server's, percent-encoded. */
  abstract ended(status: number, message: string | undefined): void;

  /** There is room again for what `begin` or `append` refused. */
  ready(): void {
    // Those who never send more than the first windows hold are never refused.
  }
}
