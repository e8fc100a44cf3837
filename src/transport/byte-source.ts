/**
 * Bytes that are made while they are sent: each part of them is asked for when the client takes it. So an answer of any
 * length takes no time to begin with, and no memory of its own. It belongs to whoever sends it, who closes it.
 */
export interface ByteSource {
  /** How many bytes it gives altogether. */
  readonly length: number;
  /** It keeps too much in memory for a client that takes it too slowly: the call ends without the rest. */
  readonly isOverdue: boolean;
  /** Writes the next `end - start` bytes to `target` from `start` on; never asked for more than are left. */
  read(target: Uint8Array, start: number, end: number): void;
  /** Nothing more will be read. Called once, whether all was read or not. */
  close(): void;
}
