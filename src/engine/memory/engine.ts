import type { Bytes } from '../../base/index.ts';
import { admitBatch, closedError, holds } from '../index.ts';
import type { Batch, Capabilities, CommitResult, Engine, Snapshot } from '../index.ts';
import { copyOf } from './copy.ts';
import { MemorySnapshot } from './snapshot.ts';
import { CowTree } from './tree.ts';

export interface MemoryEngineOptions {
  /** @default 128 MiB */
  readonly commitBytesMax?: number;
}

const COMMIT_BYTES_MAX = 128 * 1024 * 1024;
const COMMITTED: CommitResult = { kind: 'committed' };

/**
 * All in memory, for tests and for `--engine=memory`: it is gone with the process.
 *
 * A commit takes effect within the call, before its promise is returned; so commits take effect in the order of the
 * calls, and it is never uncertain.
 */
export class MemoryEngine implements Engine {
  readonly capabilities: Capabilities;
  readonly #tree = new CowTree();
  #bytes = 0;
  #closed = false;

  constructor(options: MemoryEngineOptions = {}) {
    this.capabilities = {
      shared: false,
      durable: false,
      commitBytesMax: options.commitBytesMax ?? COMMIT_BYTES_MAX,
    };
  }

  // The methods are async so that what they throw becomes a rejection, as the contract has it.
  // eslint-disable-next-line @typescript-eslint/require-await
  async snapshot(): Promise<Snapshot> {
    this.#assertOpen();
    return new MemorySnapshot(this.#tree.freeze(), () => this.#closed);
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.#assertOpen();
    admitBatch(batch, signal, this.capabilities);
    for (const condition of batch.conditions) {
      if (!holds(condition, this.#tree.get(condition.key))) return { kind: 'conflict', key: condition.key };
    }
    for (const { key, value } of batch.writes) {
      if (value === undefined) this.#delete(key);
      else this.#set(key, value);
    }
    return COMMITTED;
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async sizeBytes(): Promise<number> {
    this.#assertOpen();
    return this.#bytes;
  }

  /** Nothing to do: what is removed is collected. */
  // eslint-disable-next-line @typescript-eslint/require-await
  async compact(): Promise<void> {
    this.#assertOpen();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #set(key: Bytes, value: Bytes): void {
    const replaced = this.#tree.set(key, copyOf(value));
    this.#bytes += value.length - (replaced === undefined ? -key.length : replaced.length);
  }

  #delete(key: Bytes): void {
    const removed = this.#tree.delete(key);
    if (removed !== undefined) this.#bytes -= key.length + removed.length;
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError('engine');
  }
}
