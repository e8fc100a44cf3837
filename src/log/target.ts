import type { Record, VersionKind } from './records.ts';

/** What a replay is applied to; the store implements it. Applying anything twice is harmless. */
export interface LogTarget {
  /**
   * A cleaned chunk, before its entries: the compaction it was cleaned at, and the sequence below which nothing may be
   * shown.
   */
  cleanedAt(revision: number, sequence: number): void;
  /** One put or delete, in order of (revision, sub). Its body lies in the arena. */
  version(
    kind: VersionKind,
    segment: number,
    bodyOffset: number,
    bodyLength: number,
    revision: number,
    sub: number,
  ): void;
  record(record: Record, sequence: number): void;
  /** Everything up to this sequence is applied; called at the ends of commits only, never inside a revision. */
  applied(sequence: number, revision: number): void;
}

/** A group of proposals that is durable now. */
export interface Commit {
  /** The last sequence of the log. */
  readonly sequence: number;
  /** The last revision of the log: puts and deletes up to here are visible from now on. */
  readonly revision: number;
  readonly records: readonly { readonly record: Record; readonly sequence: number }[];
  /** The chunks as they are stored, in order; all of them are this one commit. */
  readonly chunks: readonly CommittedChunk[];
}

export interface CommittedChunk {
  readonly sequence: number;
  /** The chunk itself, apart from the arena: whoever needs it no more lets it go. */
  readonly bytes: Buffer;
}

/** The leader's own state, told of its own commits; the store implements it. */
export interface CommitListener {
  /**
   * The group is durable: its puts and deletes become visible, its records are applied now, in order, before any waiter
   * is told. Called synchronously, once per group, in order. Arrays are the listener's to keep.
   */
  committed(commit: Commit): void;
  /** This epoch is over: take back all that is proposed and not committed. Called once; `committed` never follows. */
  deposed(why: Deposition): void;
}

/**
 * `fenced`: another leader's epoch has begun, or one may have. `forgotten`: the store lacks or contradicts what it had
 * acknowledged: nobody must write to it any more.
 */
export type Deposition = 'fenced' | 'forgotten';

/**
 * `committed`: in the log for ever. `leader-changed`: definitely without effect. `timed-out`: may have an effect now,
 * later, or never.
 */
export type Outcome = 'committed' | 'leader-changed' | 'timed-out';

/** One call that waits for what it proposed, or saw proposed. Told exactly once, never inside `seal` or `barrier`. */
export interface Waiter {
  settled(outcome: Outcome): void;
}

/** What a cleaner asks of the state; the store implements it, judged at its committed state. */
export interface Liveness {
  /** The compaction that is committed and applied. */
  readonly compacted: number;
  /** The sequence that is committed and applied. */
  readonly sequence: number;
  /**
   * About how many bytes of bodies a replay needs: every version that is readable at or above the compaction, and no
   * others. An estimate is enough: it decides only when a pass is worth its reading.
   */
  readonly neededBytes: number;
  /** False when a version at or below `compacted` supersedes this put (a tombstone too). Key is valid during the call. */
  putIsLive(key: Uint8Array, revision: number, sub: number): boolean;
  /** Whether the lease that this very entry granted exists (its revoke is not committed). */
  grantIsLive(id: bigint, sequence: number): boolean;
  /** Whether the alarm is raised. */
  alarmIsLive(member: bigint, alarm: number): boolean;
}
