import { assert } from '../base/index.ts';
import type { Arena } from '../base/index.ts';
import { Appender } from './appender.ts';
import { Group } from './group.ts';
import { EntryKind } from './records.ts';
import type { Record, RecordKind } from './records.ts';
import type { Waiter } from './target.ts';

/**
 * What is proposed and not committed, in groups, each of which becomes one commit: the one that was sent, those that are
 * closed and wait for it, and the open one, to which is appended.
 *
 * 1. A group ends only where a proposal ends, so a revision never spans two commits.
 * 2. Revisions are proposed densely.
 */
export class Proposals {
  readonly #appender: Appender;
  #revision: number;
  #bytes = 0;
  #sent: Group | undefined;
  #closed: Group[] = [];
  #open = new Group();
  readonly #countByKind = new Uint32Array(16);

  /** @param revision the last one that is committed. */
  constructor(arena: Arena, revision: number) {
    this.#appender = new Appender(arena);
    this.#revision = revision;
  }

  /** The last that was proposed. */
  get revision(): number {
    return this.#revision;
  }

  /** Of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of the entries of the open group. */
  get openBytes(): number {
    return this.#appender.bytes;
  }

  /** Where the body of the last `put` or `remove` lies. Valid until the next append. */
  get segment(): number {
    return this.#appender.segment;
  }
  get bodyOffset(): number {
    return this.#appender.bodyOffset;
  }
  get bodyLength(): number {
    return this.#appender.bodyLength;
  }

  /** The newest group that has or will have entries. */
  get last(): Group | undefined {
    return this.#appender.bytes > 0 ? this.#open : (this.#closed.at(-1) ?? this.#sent);
  }

  /** In order; the open one may be empty. */
  groups(): Group[] {
    const waiting = [...this.#closed, this.#open];
    return this.#sent === undefined ? waiting : [this.#sent, ...waiting];
  }

  /** The entries that change state when they are committed, in order. */
  *records(): Iterable<Record> {
    for (const group of this.groups()) for (const { record } of group.records) yield record;
  }

  /** Whether there is one of this kind among them. */
  has(kind: RecordKind): boolean {
    return this.#countByKind[EntryKind[kind]]! > 0;
  }

  // ---- Appending

  put(
    revision: number,
    sub: number,
    key: Uint8Array,
    createRevision: number,
    version: number,
    value: Uint8Array,
    lease: bigint,
  ): void {
    const before = this.#appender.bytes;
    this.#advance(revision);
    this.#appender.put(revision, sub, key, createRevision, version, value, lease);
    this.#bytes += this.#appender.bytes - before;
  }

  remove(revision: number, sub: number, key: Uint8Array): void {
    const before = this.#appender.bytes;
    this.#advance(revision);
    this.#appender.remove(revision, sub, key);
    this.#bytes += this.#appender.bytes - before;
  }

  record(record: Record): void {
    const before = this.#appender.bytes;
    this.#appender.record(record);
    this.#bytes += this.#appender.bytes - before;
    this.#open.records.push({ record, chunkIndex: this.#appender.chunkIndex });
    this.#countByKind[EntryKind[record.kind]]! += 1;
  }

  /** Ends the proposal, which `waiter` waits for since `tick`. */
  seal(waiter: Waiter, tick: number): void {
    assert(!this.#appender.sealed, 'a proposal that is sealed has entries');
    this.#appender.sealed = true;
    this.#open.wait(waiter, tick, true);
  }

  /** What is appended from here on goes into another group. */
  separate(): void {
    assert(this.#appender.sealed, 'groups are separated between proposals');
    if (this.#appender.bytes > 0) this.#closed.push(this.#takeOpen());
  }

  // ---- Committing

  /** The next group to send; undefined when nothing is there but, perhaps, a proposal that has not ended. */
  next(): Group | undefined {
    const group = this.#closed.shift();
    if (group !== undefined) return group;
    return this.#appender.bytes > 0 && this.#appender.sealed ? this.#takeOpen() : undefined;
  }

  /** One at a time. */
  sent(group: Group): void {
    assert(this.#sent === undefined, 'one group is under way at a time');
    this.#sent = group;
  }

  /** What has become of the group that was sent is known: it belongs here no more. */
  settled(group: Group): void {
    assert(this.#sent === group, 'what is settled was sent');
    this.#sent = undefined;
    this.#bytes -= group.bytes;
    this.#discount(group);
  }

  /** Gives all groups up that were not sent, and returns them. */
  drop(): Group[] {
    const dropped = [...this.#closed.splice(0), this.#open];
    for (const group of dropped) this.#discount(group);
    this.#appender.cut();
    this.#appender.sealed = true;
    this.#open = new Group();
    this.#bytes = this.#sent?.bytes ?? 0;
    return dropped;
  }

  #advance(revision: number): void {
    const ahead = revision - this.#revision;
    assert(ahead === 1 || (ahead === 0 && !this.#appender.sealed), 'revisions are proposed densely');
    this.#revision = revision;
  }

  #takeOpen(): Group {
    const group = this.#open;
    group.bytes = this.#appender.bytes;
    group.drafts = this.#appender.cut();
    this.#open = new Group();
    return group;
  }

  #discount(group: Group): void {
    for (const { record } of group.records) this.#countByKind[EntryKind[record.kind]]! -= 1;
  }
}
