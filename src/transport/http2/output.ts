import type { Socket } from 'node:net';
import { BLOCK_BYTES, type BlockPool } from './block-pool.ts';

/** Blocks of writes under way that are kept for use again; what is beyond is left to the garbage collector. */
const RETIRED_MAX = 8;
/** Sockets that encrypt hold a block until a later turn: less than this is copied, and the block is free at once. */
const COPIED_BYTES_MAX = 8 * 1024;

const noBlock = Buffer.alloc(0);

/**
 * What a connection is about to send: small pieces copied one after another into a block, large ones referenced between
 * them. `flush` gives all of it to the socket in one write.
 */
export class Output {
  /** Where `reserve`d bytes are written. */
  block: Buffer = noBlock;
  /** End of what has been reserved in the block. */
  used = 0;
  /** Bytes of earlier flushes that the system has not taken yet. */
  unsent = 0;
  readonly #socket: Socket;
  readonly #pool: BlockPool;
  readonly #isEncrypted: boolean;
  readonly #onSent: () => void;
  /** Start of what has not been flushed in the block. */
  #start = 0;
  /** What comes before it. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #writesUnderWay = 0;
  /** Full blocks that pieces or writes under way refer to. */
  readonly #retired: Buffer[] = [];
  readonly #written = (): void => this.#afterWrite();

  /** `onSent` runs when the system has taken something. */
  constructor(socket: Socket, pool: BlockPool, onSent: () => void) {
    this.#socket = socket;
    this.#pool = pool;
    this.#isEncrypted = 'encrypted' in socket;
    this.#onSent = onSent;
  }

  /** Bytes that the system has not taken yet. */
  get waiting(): number {
    return this.unsent + this.#pieceBytes + this.used - this.#start;
  }

  get isEmpty(): boolean {
    return this.used === this.#start && this.#pieceBytes === 0;
  }

  /** Room in the block as it is. */
  get room(): number {
    return this.block.length - this.used;
  }

  /** Makes room for `bytes` in one run of the block, and returns where it begins. The caller fills it at once. */
  reserve(bytes: number): number {
    if (this.block.length - this.used < bytes) this.#renew(bytes);
    const at = this.used;
    this.used = at + bytes;
    return at;
  }

  /** Sends `slice` as it is, after all that was reserved. */
  reference(slice: Uint8Array): void {
    this.#endPiece();
    this.#pieces.push(slice);
    this.#pieceBytes += slice.length;
  }

  /** Gives everything to the socket. */
  flush(): void {
    if (this.isEmpty) return;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) {
      this.#drop();
      return;
    }
    this.#writesUnderWay++;
    if (this.#pieces.length === 0) this.#writeBlock(socket);
    else this.#writePieces(socket);
    this.unsent = socket.writableLength;
  }

  #writeBlock(socket: Socket): void {
    const bytes = this.block.subarray(this.#start, this.used);
    if (!this.#isEncrypted || bytes.length >= COPIED_BYTES_MAX) {
      this.#start = this.used;
      socket.write(bytes, this.#written);
      return;
    }
    const copy = Buffer.from(bytes);
    this.used = this.#start;
    if (this.#start === 0) {
      this.#pool.give(this.block);
      this.block = noBlock;
    }
    socket.write(copy, this.#written);
  }

  #writePieces(socket: Socket): void {
    this.#endPiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    socket.cork();
    for (let at = 0; at < pieces.length - 1; at++) socket.write(pieces[at]!);
    socket.write(pieces[pieces.length - 1]!, this.#written);
    socket.uncork();
  }

  #endPiece(): void {
    if (this.used === this.#start) return;
    this.#pieces.push(this.block.subarray(this.#start, this.used));
    this.#pieceBytes += this.used - this.#start;
    this.#start = this.used;
  }

  #renew(bytes: number): void {
    this.#endPiece();
    if (this.block !== noBlock && this.#retired.length < RETIRED_MAX) this.#retired.push(this.block);
    this.block = bytes <= BLOCK_BYTES ? this.#pool.take() : Buffer.allocUnsafeSlow(bytes);
    this.used = 0;
    this.#start = 0;
  }

  #afterWrite(): void {
    this.#writesUnderWay--;
    this.unsent = this.#socket.writableLength;
    if (this.#writesUnderWay === 0 && this.isEmpty) this.#giveBack();
    this.#onSent();
  }

  /** Nobody refers to the blocks any more. */
  #giveBack(): void {
    for (const block of this.#retired) this.#pool.give(block);
    this.#retired.length = 0;
    if (this.block !== noBlock) this.#pool.give(this.block);
    this.block = noBlock;
    this.used = 0;
    this.#start = 0;
  }

  #drop(): void {
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.used = this.#start;
    if (this.#writesUnderWay === 0) this.#giveBack();
  }
}
