import type { Bytes, Random } from '../base/index.ts';
import { KeyIndex, NONE, Segments } from '../index/index.ts';
import type { KeyId, VersionId } from '../index/index.ts';
import { EntryKind } from '../log/index.ts';
import type {
  Commit,
  CommitListener,
  Deposition,
  Liveness,
  LogTarget,
  Record,
  VersionKind,
} from '../log/index.ts';
import { keyLength, keyView, lease } from '../wire/index.ts';
import { Alarms } from './alarms.ts';
import { crc32c } from './crc32c.ts';
import { LeaseTable } from './leases.ts';
import type { Lease } from './leases.ts';
import { OperationCounts } from './operation-counts.ts';
import { Pending } from './pending.ts';
import { AlarmType } from './results.ts';

/** Who must know what a commit changed. All are called while it is applied, before any waiter is told. */
export interface StateListener {
  /** `chunks`: what this node has committed as the leader; none when it follows. */
  committed(revision: number, chunks: Commit['chunks']): void;
  compacted(revision: number): void;
  leaseGranted(lease: Lease): void;
  leaseRevoked(lease: Lease): void;
  deposed(why: Deposition): void;
}

/**
 * The replicated state: what a replay of the log yields, and beyond it the versions that are proposed and not committed.
 *
 * 1. Only puts and deletes are in it before they are committed, in the index above `revision`; readers read at or below
 *    it.
 * 2. Every other record is applied when it is committed, before anybody learns of the commit.
 * 3. Applying an entry twice changes nothing.
 */
export class State implements LogTarget, CommitListener, Liveness {
  readonly segments: Segments;
  readonly index: KeyIndex;
  readonly leases: LeaseTable;
  readonly alarms = new Alarms();
  readonly pending = new Pending();
  readonly operations = new OperationCounts();
  /** Set once the log has been read. */
  listener: StateListener | undefined;
  /** The highest epoch that was met, maybe in a commit that is not whole yet. */
  #metEpoch = 0;
  /** The compaction of which the index knows. */
  #takenAway = -1;

  /** Committed. */
  revision = 1;
  /** Committed. */
  sequence = 0;
  /** Of what is committed. */
  epoch = 0;
  /** The last compaction; -1 before the first, as etcd's `compactMainRev`, so that one to 0 is accepted once. */
  compactedExact = -1;
  clusterId = 0n;
  /** Cleaning has taken from below what is applied: before this sequence the state is none that ever was. */
  wholeFrom = 0;

  constructor(options: { random: Random; historyBytesInMemoryMax: number; segmentBytes: number }) {
    const segments = new Segments(options.segmentBytes);
    this.segments = segments;
    const index = new KeyIndex(segments, options);
    this.index = index;
    this.leases = new LeaseTable((key) => {
      const newest = index.newest(key);
      return keyLength(segments.bytes(index.segment(newest)), index.offset(newest));
    });
  }

  /** The last compaction; 0 before the first. */
  get compacted(): number {
    return Math.max(0, this.compactedExact);
  }
  /** What has taken effect of it: see `takeAway`. */
  get takenAway(): number {
    return Math.max(0, this.#takenAway);
  }
  get neededBytes(): number {
    return this.index.liveBytes + this.index.historyBytes;
  }

  cleanedAt(revision: number, sequence: number): void {
    this.wholeFrom = Math.max(this.wholeFrom, sequence);
    // Nothing need have been compacted when a chunk was cleaned of leases.
    if (revision > 0) this.#compact(revision);
    // The chunk that comes lacks what this takes away.
    this.takeAway();
  }

  version(
    kind: VersionKind,
    segment: number,
    bodyOffset: number,
    bodyLength: number,
    revision: number,
    sub: number,
  ): void {
    const bytes = this.segments.bytes(segment);
    // Neither what a start reads, nor what comes once more, is new.
    const isNew = this.listener !== undefined && revision > this.revision;
    if (kind === EntryKind.delete) {
      if (isNew) this.operations.proposedDeletes++;
      // Before it takes effect: a removal below the compaction takes its key away at once.
      if (this.leases.count > 0) this.#detachFrom(keyView(bytes, bodyOffset), revision, sub);
      this.index.add(segment, bodyOffset, bodyLength, revision, sub, true);
      return;
    }
    if (isNew) this.operations.proposedPuts++;
    const added = this.index.add(segment, bodyOffset, bodyLength, revision, sub, false);
    if (added !== NONE) this.leases.attach(this.index.keyOf(added), lease(bytes, bodyOffset, bodyLength));
  }

  record(record: Record, sequence: number): void {
    switch (record.kind) {
      case 'grant': {
        const granted = this.leases.granted(record.id, record.ttl, sequence);
        this.listener?.leaseGranted(granted);
        return;
      }
      case 'revoke': {
        const revoked = this.leases.revoked(record.id);
        if (revoked !== undefined) this.listener?.leaseRevoked(revoked);
        return;
      }
      case 'compact':
        this.#compact(record.revision);
        return;
      case 'alarm':
        this.alarms.set(record.member, record.alarm, record.active);
        return;
      case 'epoch':
        this.#metEpoch = Math.max(this.#metEpoch, record.epoch);
        return;
      case 'cluster':
        this.clusterId = record.clusterId;
        return;
    }
  }

  applied(sequence: number, revision: number): void {
    this.sequence = sequence;
    this.revision = revision;
    this.epoch = this.#metEpoch;
    if (this.listener === undefined) this.takeAway();
    else this.listener.committed(revision, []);
  }

  committed(commit: Commit): void {
    this.sequence = commit.sequence;
    this.revision = commit.revision;
    for (const { record, sequence } of commit.records) {
      this.record(record, sequence);
      this.pending.settled(record);
    }
    this.epoch = this.#metEpoch;
    this.listener?.committed(commit.revision, commit.chunks);
  }

  /**
   * Has the last compaction take effect. To be called when who watches has been told of all that is applied: what came
   * before the compaction can be told no more after it.
   */
  takeAway(): void {
    if (this.#takenAway === this.compactedExact) return;
    this.#takenAway = this.compactedExact;
    this.index.compactTo(this.compactedExact);
    this.listener?.compacted(this.compactedExact);
  }

  deposed(why: Deposition): void {
    this.index.popAbove(this.revision, (version) => this.#takeBack(version));
    this.pending.clear();
    this.listener?.deposed(why);
  }

  putIsLive(key: Bytes, revision: number, sub: number): boolean {
    const compacted = this.compacted;
    if (revision > compacted) return true;
    const id = this.index.find(key);
    const newest = id === NONE ? NONE : this.index.at(id, compacted);
    if (newest === NONE) return false;
    const newestRevision = this.index.revision(newest);
    return revision > newestRevision || (revision === newestRevision && sub >= this.index.sub(newest));
  }

  grantIsLive(id: bigint, sequence: number): boolean {
    return this.leases.get(id)?.sequence === sequence;
  }

  alarmIsLive(member: bigint, alarm: number): boolean {
    return this.alarms.has(member, alarm);
  }

  /** A checksum of leases and alarms, whatever their order. */
  digest(): number {
    let sum = 0;
    for (const { id, ttl } of this.leases.all()) sum ^= crc32c(0, Buffer.from(`lease ${id} ${ttl}`));
    for (const { member, alarm } of this.alarms.list(AlarmType.none)) {
      sum ^= crc32c(0, Buffer.from(`alarm ${member} ${alarm}`));
    }
    return sum >>> 0;
  }

  /** The lease of a version that is in memory; 0n for a tombstone. */
  leaseOf(version: VersionId): bigint {
    if (this.index.isTombstone(version)) return 0n;
    const bytes = this.segments.bytes(this.index.segment(version));
    return lease(bytes, this.index.offset(version), this.index.length(version));
  }

  /** The newest version of a key that is not deleted, proposed ones included; NONE otherwise. */
  live(key: Bytes): VersionId {
    const id: KeyId = this.index.find(key);
    if (id === NONE) return NONE;
    const newest = this.index.newest(id);
    return this.index.isTombstone(newest) ? NONE : newest;
  }

  #compact(revision: number): void {
    this.compactedExact = Math.max(this.compactedExact, revision);
  }

  /** The key is deleted, unless that has been applied before. */
  #detachFrom(key: Bytes, revision: number, sub: number): void {
    const id = this.index.find(key);
    if (id === NONE) return;
    const newest = this.index.newest(id);
    const newestRevision = this.index.revision(newest);
    const isOlder =
      newestRevision < revision || (newestRevision === revision && this.index.sub(newest) < sub);
    if (isOlder) this.leases.detach(id);
  }

  /** What is attached follows the version below the one that goes. */
  #takeBack(version: VersionId): void {
    if (this.index.isTombstone(version)) this.operations.takenBackDeletes++;
    else this.operations.takenBackPuts++;
    const key = this.index.keyOf(version);
    const below = this.index.previous(version);
    this.leases.attach(key, below === NONE ? 0n : this.leaseOf(below));
  }
}
