import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import { describeKeyError } from '../key-error.ts';
import type { Lock } from '../lock/lock.ts';
import { lockError } from '../lock/lock.ts';
import type { KeyError, Received } from '../messages.ts';
import type { SendOptions } from '../region/regions.ts';
import type { Session } from '../session.ts';

/** Start timestamps that go with each request of a read. Older ones are forgotten and, if met again, looked up again. */
const KNOWN_MAX = 256;

/** The locks that one read at one timestamp has met, and what it may do with them. */
export class MetLocks {
  readonly #session: Session;
  readonly #readTimestamp: bigint;
  readonly #ignored = new Set<bigint>();
  readonly #committed = new Set<bigint>();

  constructor(session: Session, readTimestamp: bigint) {
    this.#session = session;
    this.#readTimestamp = readTimestamp;
  }

  /**
   * For a get: what it may ignore and what it may look through. Scans get neither: with the second they can come back
   * short from some stores, and with the first they would pass by locks that nobody else may meet for long.
   */
  get forGet(): SendOptions {
    return { resolvedLocks: [...this.#ignored], committedLocks: [...this.#committed] };
  }

  /** Learns what to do about `locks`; the read that met them can be tried again. */
  async resolve(locks: readonly Lock[], backoff: Backoff): Promise<void> {
    // A store that still names a lock which it was told of gets time, so that no loop spins.
    if (locks.every((lock) => this.#knows(lock))) await backoff.wait('txn-lock-fast', lockError(locks[0]!));
    const known = await this.#session.resolver.resolveForRead(locks, this.#readTimestamp, backoff);
    for (const start of known.ignored) add(this.#ignored, start);
    for (const start of known.committed) add(this.#committed, start);
  }

  #knows(lock: Lock): boolean {
    return this.#ignored.has(lock.lockVersion) || this.#committed.has(lock.lockVersion);
  }

  /** Like `resolve`, for a read that cannot look through: committed locks are turned into records first. */
  async remove(locks: readonly Lock[], backoff: Backoff): Promise<void> {
    await this.resolve(locks, backoff);
    const committed = locks.filter((lock) => this.#committed.has(lock.lockVersion));
    if (committed.length > 0) await this.#session.resolver.resolveForWrite(committed, backoff);
  }
}

/** The lock that stopped a read. Throws TikvError `protocol` if it was something else. */
export function lockOf(error: Received<KeyError>): Lock {
  if (error.locked !== undefined) return error.locked;
  throw new TikvError('protocol', `Cannot read: ${describeKeyError(error)}`);
}

function add(known: Set<bigint>, start: bigint): void {
  known.add(start);
  if (known.size <= KNOWN_MAX) return;
  for (const oldest of known) {
    known.delete(oldest);
    break;
  }
}
