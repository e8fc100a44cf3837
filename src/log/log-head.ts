import type { Write } from '../engine/index.ts';
import { LogError } from './errors.ts';
import type { LogFaults } from './faults.ts';
import { planted } from './faults.ts';
import { decodeHead, encodeHead } from './head.ts';
import type { Head } from './head.ts';
import type { Settlement, Settler } from './settler.ts';
import type { LogWriterOptions } from './writer-options.ts';

/** The head as one writer last left it, and the only way to go on from there: a commit that replaces it. */
export class LogHead {
  readonly #options: LogWriterOptions;
  readonly #settler: Settler;
  readonly #faults: LogFaults;
  #head: Head;
  #bytes: Uint8Array | undefined;

  constructor(options: LogWriterOptions, settler: Settler, faults: LogFaults) {
    this.#options = options;
    this.#settler = settler;
    this.#faults = faults;
    this.#head = options.head;
    this.#bytes = options.headBytes;
  }

  get head(): Head {
    return this.#head;
  }

  /** The count of the next commit, so that no two heads are the same bytes. */
  get nextCommit(): number {
    return planted(this.#faults, 'head-without-counter') ? 0 : this.#head.commit + 1;
  }

  /** Commits `writes` and `next` as the head, on condition that it is as it was left. One at a time. */
  async replace(next: Head, writes: readonly Write[]): Promise<Settlement> {
    const nextHeadBytes = encodeHead(next);
    const { sequence } = this.#head;
    const commit = {
      ...{ writes, headBytes: this.#bytes, nextHeadBytes },
      ...{ sequence, nextSequence: next.sequence },
    };
    let outcome: Settlement;
    try {
      outcome = await this.#settler.settle(commit);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const { epoch, logger } = this.#options;
      logger.error('Cannot settle a commit', { error, epoch });
      return 'unknown';
    }
    if (outcome === 'forgotten') {
      const { epoch, logger } = this.#options;
      const message =
        'The store lacks or contradicts what it has acknowledged; nothing more is written to it';
      logger.error(message, { epoch, left: this.#head });
    }
    if (outcome === 'committed') {
      this.#head = next;
      this.#bytes = nextHeadBytes;
    }
    return outcome;
  }

  /** Whether an epoch as high as the writer's, or a higher one, has begun. */
  async isOutrun(): Promise<boolean> {
    const { engine, epoch, keys } = this.#options;
    await using snapshot = await engine.snapshot();
    const bytes = await snapshot.get(keys.head);
    return bytes !== undefined && decodeHead(bytes).epoch >= epoch;
  }
}
