import { TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { ReadOptions } from '../snapshot/options.ts';
import { TikvSnapshot } from '../snapshot/snapshot.ts';
import { verifyBytes } from '../verify-bytes.ts';
import type { CommitOptions } from './commit-mutations.ts';
import type { Mutation } from './mutation.ts';
import type { TxnOutcome } from './outcome.ts';

interface TransactionStart {
  readonly startTimestamp: bigint;
  /** `TikvClient.commit` */
  readonly commit: (mutations: readonly Mutation[], options: CommitOptions) => Promise<TxnOutcome>;
}

/**
 * An optimistic transaction: reads see what was committed when it began and its own changes, which are kept here until
 * `commit`. If another transaction has written one of the same keys meanwhile, it is a `conflict`, and the whole
 * transaction is to be done again. Keys that are only read are not protected, unless `lock` is called for them.
 *
 * Not for use by several callers at once. One that is given up needs no end.
 */
export class TikvTransaction {
  /** What it reads, without its own changes. */
  readonly snapshot: TikvSnapshot;
  readonly #session: Session;
  readonly #commit: TransactionStart['commit'];
  /** By the key's bytes as latin1. */
  readonly #changes = new Map<string, Mutation>();
  #isEnded = false;

  /** Use `TikvClient.transaction`. */
  constructor(session: Session, start: TransactionStart) {
    this.#session = session;
    this.#commit = start.commit;
    this.snapshot = new TikvSnapshot(session, start.startTimestamp);
  }

  get startTimestamp(): bigint {
    return this.snapshot.timestamp;
  }

  /** The value of `key` with the changes of this transaction, or undefined if there is none. */
  async get(key: Uint8Array, options?: ReadOptions): Promise<Buffer | undefined> {
    const change = this.#changes.get(nameOf(key));
    if (change === undefined || change.op === 'lock') return this.snapshot.get(key, options);
    return 'value' in change ? Buffer.from(change.value) : undefined;
  }

  /** Sets the value; both are copied. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#change({
      op: this.#isInserted(key) ? 'insert' : 'put',
      key: copyOf('A key', key),
      value: copyOf('A value', value),
    });
  }

  /** Like `put`, for a key that must not exist when this transaction is committed: else the outcome is `exists`. */
  insert(key: Uint8Array, value: Uint8Array): void {
    this.#change({ op: 'insert', key: copyOf('A key', key), value: copyOf('A value', value) });
  }

  /** Removes the key, which need not exist. */
  delete(key: Uint8Array): void {
    this.#change({ op: this.#isInserted(key) ? 'check-not-exists' : 'delete', key: copyOf('A key', key) });
  }

  /** The transaction conflicts with every other one that writes `key`. */
  lock(key: Uint8Array): void {
    this.#verifyOpen();
    if (!this.#changes.has(nameOf(key))) this.#change({ op: 'lock', key: copyOf('A key', key) });
  }

  /** Commits the changes; see `TikvClient.commit`. Without any it has nothing to do. Can be called once. */
  async commit(options: Omit<CommitOptions, 'startTimestamp' | 'primary'> = {}): Promise<TxnOutcome> {
    this.#verifyOpen();
    this.#isEnded = true;
    const { startTimestamp } = this;
    if (this.#changes.size === 0)
      return { kind: 'committed', commitTimestamp: startTimestamp, onePhase: true };
    const mutations = [...this.#changes.values()];
    if (mutations.every(({ op }) => op === 'check-not-exists')) return this.#commitChecks(mutations);
    return this.#commit(mutations, { ...options, startTimestamp });
  }

  /** What was inserted and removed again leaves nothing to write, but must not have existed. */
  async #commitChecks(checks: readonly Mutation[]): Promise<TxnOutcome> {
    const now = new TikvSnapshot(this.#session, await this.#session.oracle.timestamp());
    const values = await now.batchGet(checks.map(({ key }) => key));
    const found = checks.find((_, at) => values[at] !== undefined);
    if (found !== undefined) return { kind: 'exists', key: Buffer.from(found.key) };
    return { kind: 'committed', commitTimestamp: now.timestamp, onePhase: true };
  }

  /** Its key must not have existed, whatever this transaction did with it since. */
  #isInserted(key: Uint8Array): boolean {
    const op = this.#changes.get(nameOf(key))?.op;
    return op === 'insert' || op === 'check-not-exists';
  }

  #change(mutation: Mutation): void {
    this.#verifyOpen();
    this.#changes.set(nameOf(mutation.key), mutation);
  }

  #verifyOpen(): void {
    if (this.#isEnded) throw new TikvError('invalid', 'The transaction has ended');
  }
}

function copyOf(what: string, bytes: Uint8Array): Buffer {
  verifyBytes(what, bytes);
  return Buffer.from(bytes);
}

function nameOf(key: Uint8Array): string {
  verifyBytes('A key', key);
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
