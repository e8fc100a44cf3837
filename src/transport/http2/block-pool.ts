/** What small frames of one turn are copied into. */
export const BLOCK_BYTES = 64 * 1024;
/** Blocks that are kept for later. More are in use only while many connections send much. */
const IDLE_MAX = 64;

/** Blocks for output, shared by all connections, so that an idle one holds none. */
export class BlockPool {
  readonly #idle: Buffer[] = [];

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Gives a block back to which nobody refers any more. */
  give(block: Buffer): void {
    if (this.#idle.length < IDLE_MAX && block.length === BLOCK_BYTES) this.#idle.push(block);
  }
}
