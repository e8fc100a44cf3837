import { assert, backoffMs, pause } from '../base/index.ts';
import type { BackoffLimits, Bytes, Clock, Logger, Random, Scheduler } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { ClusterError } from './errors.ts';
import { MemberSilence } from './member-silence.ts';
import {
  decodeMembersRecord,
  EMPTY_MEMBERS,
  encodeMembersRecord,
  MEMBER_BYTES_MAX,
  MEMBERS_MAX,
} from './members-record.ts';
import type { MembersRecord, RegisteredMember } from './members-record.ts';
import { SharedRecord } from './shared-record.ts';

/** A heartbeat comes at least so often. */
const BEAT_MS = 1000;
/** A member that has been silent for so long is not listed, ... */
const LISTED_MS = 10_000;
/** ... and is taken out of the record by the leader after so long. */
const REMOVED_MS = 60_000;
/** Another node of one's own name is watched for so long before it is taken for dead, ... */
const NAME_WATCH_MS = 2500;
/** ... by looking so often. */
const NAME_LOOK_MS = 100;
/** Between two looks so much silence counts at most: while the store answers late, heartbeats may have been missed. */
const NAME_LOOK_MS_MAX = 500;
/** A heartbeat that loses so many races against others' is given up; the next one is due soon. */
const ATTEMPTS_MAX = 16;
const RETRY: BackoffLimits = { firstMs: 5, maxMs: 200 };
/** Signing off takes so long at most. */
const STOP_MS_MAX = 1000;

/** A node, as the record of members has it. */
export type MemberFacts = Pick<RegisteredMember, 'name' | 'incarnation' | 'peerUrls' | 'clientUrls'>;

export interface MembersOptions {
  /** A shared one. */
  readonly engine: Engine;
  readonly keyspace: string;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** `incarnation` is never used twice. */
  readonly self: MemberFacts;
  /** The highest chunk format that this program reads and writes. */
  readonly knows: number;
  /**
   * This node was away for long, and must not come back: another of its name lives (`name-taken`), or the cluster writes
   * what it cannot read (`format-too-old`), or its engine cannot be read any more. Called once at most, after `start`, in
   * a turn of its own; the node is to be shut down.
   */
  readonly onRefused: (error: Error) => void;
}

interface Found {
  readonly bytes: Bytes | undefined;
  readonly record: MembersRecord;
}

/**
 * The nodes of a cluster, by one record in the engine that each of them replaces once a second.
 *
 * 1. Of one name, one incarnation is in the record. It gives way to another only when its counter has not changed for
 *    2.5 s while the other looked.
 * 2. Whether a member lives is told by changes of its counter, by the reader's own clock: no two clocks are compared.
 * 3. `writes` rises to what every member in the record knows, in the same replacement that was computed from them; who
 *    knows less than `writes` is never in the record. It never falls. So no chunk of a higher format is written while
 *    anybody in the record cannot read it, whoever leads and however late a replacement lands.
 */
export class Members {
  readonly #options: MembersOptions;
  readonly #abort = new AbortController();
  readonly #record: SharedRecord;
  readonly #silence = new MemberSilence(2 * BEAT_MS);
  /** As last read or written. */
  #last: MembersRecord = EMPTY_MEMBERS;
  #counter = 0;
  #isLeader = false;
  #isStarted = false;
  #isAway = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#record = this.#sharedRecord(this.#abort.signal);
  }

  /**
   * Registers this node, and keeps it registered. Waits for an engine that does not answer. Rejects with ClusterError
   * `name-taken`, `format-too-old`, `too-many-members`, `record-damaged`, `record-format`, `members-stopped`, and with
   * EngineError when trying again cannot help.
   */
  async start(): Promise<void> {
    assert(!this.#isStarted, 'members are started once');
    this.#isStarted = true;
    const running = this.#join();
    this.#running = running.catch(() => undefined);
    await running;
    if (!this.#abort.signal.aborted) this.#running = this.#run();
  }

  /** Members that are not known to be dead, this one always, in the order of their names. */
  list(): readonly MemberFacts[] {
    const { self } = this.#options;
    const others = this.#last.members.filter(
      ({ incarnation, name }) => name !== self.name && this.#silence.ofMs(incarnation) < LISTED_MS,
    );
    const facts = [...others, self].map(({ name, incarnation, peerUrls, clientUrls }) => {
      return { name, incarnation, peerUrls, clientUrls };
    });
    return facts.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** This node leads, or no more: the leader takes the dead out of the record and raises the format. */
  setLeading(isLeader: boolean): void {
    this.#isLeader = isLeader;
  }

  /** The chunk format that a leader writes: every member can read it, this one too. 1 until `start` has read the record. */
  writes(): number {
    return Math.min(this.#last.writes, this.#options.knows);
  }

  /** Takes this node out of the record, if that can be done within a second. Never rejects. */
  async stop(): Promise<void> {
    const { scheduler } = this.#options;
    const deadline = new AbortController();
    const cancel = scheduler.after(STOP_MS_MAX, () => deadline.abort());
    const late = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve()));
    this.#abort.abort();
    await Promise.race([this.#running.then(() => this.#leave(deadline.signal)), late]);
    cancel();
    deadline.abort();
  }

  async #run(): Promise<void> {
    const { scheduler, random, onRefused } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await pause(scheduler, BEAT_MS * (0.8 + random.next() / 5), signal);
      try {
        await this.#beat();
      } catch (error) {
        if (signal.aborted || !(error instanceof Error) || isClosed(error)) return;
        if (isTrouble(error)) this.#away('the members record cannot be read', error);
        else return scheduler.soon(() => onRefused(error));
      }
    }
  }

  async #beat(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { bytes, record } = await this.#read();
      const mine = record.members.find(({ incarnation }) => incarnation === this.#options.self.incarnation);
      if (mine === undefined) return await this.#join();
      const others = record.members.filter((member) => member !== mine);
      if (await this.#replace(bytes, this.#lookedAfter(record, others))) return;
      await this.#delay(attempt);
    }
  }

  /** The record with this node in it, and all that a leader changes. */
  #lookedAfter(record: MembersRecord, others: readonly RegisteredMember[]): MembersRecord {
    const { logger } = this.#options;
    const kept = this.#isLeader
      ? others.filter(({ incarnation }) => this.#silence.ofMs(incarnation) < REMOVED_MS)
      : others;
    for (const member of others)
      if (!kept.includes(member)) logger.info('a member is silent and is taken out', { member: member.name });
    const members = [...kept, this.#self()];
    const known = Math.min(...members.map(({ knows }) => knows));
    const writes = this.#isLeader ? Math.max(record.writes, known) : record.writes;
    if (writes > record.writes) logger.info('all members know a newer chunk format', { format: writes });
    return { change: record.change + 1, writes, members };
  }

  /** Enters this incarnation into the record, once it is clear that no other of its name lives. */
  async #join(): Promise<void> {
    const { self, knows, scheduler, clock } = this.#options;
    const silence = new MemberSilence(NAME_LOOK_MS_MAX);
    let rival: RegisteredMember | undefined;
    for (let attempt = 0; ; attempt++) {
      const { bytes, record } = await this.#read();
      if (record.members.some(({ incarnation }) => incarnation === self.incarnation)) return;
      if (record.writes > knows) throw tooOld(record.writes, knows);
      const other = record.members.find(({ name }) => name === self.name);
      silence.read(record.members, clock.nowMs());
      if (other !== undefined && silence.ofMs(other.incarnation) < NAME_WATCH_MS) {
        if (rival?.incarnation === other.incarnation && rival.counter !== other.counter) throw taken(other);
        rival = other;
        await pause(scheduler, NAME_LOOK_MS, this.#abort.signal);
        continue;
      }
      const others = record.members.filter((member) => member !== other);
      const { change, writes } = record;
      const joined = { change: change + 1, writes, members: [...others, this.#self()] };
      checkSize(joined);
      if (await this.#replace(bytes, joined)) return;
      await this.#delay(attempt);
    }
  }

  async #leave(signal: AbortSignal): Promise<void> {
    const { self, logger } = this.#options;
    const shared = this.#sharedRecord(signal);
    try {
      for (let attempt = 0; !signal.aborted; attempt++) {
        const bytes = await shared.read();
        if (bytes === undefined) return;
        const { change, writes, members } = decodeMembersRecord(bytes);
        const others = members.filter(({ incarnation }) => incarnation !== self.incarnation);
        if (others.length === members.length) return;
        const next = encodeMembersRecord({ change: change + 1, writes, members: others });
        if ((await shared.replace(bytes, next)) !== false) return;
        await this.#delay(attempt, signal);
      }
    } catch (error) {
      logger.warn('could not sign off, the others will find that this node is silent', { error });
    }
  }

  #self(): RegisteredMember {
    const { self, knows } = this.#options;
    const { name, incarnation, peerUrls, clientUrls } = self;
    return { name, incarnation, peerUrls, clientUrls, knows, counter: ++this.#counter };
  }

  /** Reads the record, again and again while the engine does not answer. Throws ClusterError, `members-stopped` too. */
  async #read(): Promise<Found> {
    const { clock } = this.#options;
    for (let attempt = 0; !this.#abort.signal.aborted; attempt++) {
      try {
        const bytes = await this.#record.read();
        // A record that is gone is begun again with what this node has seen written.
        const record =
          bytes === undefined ? { ...EMPTY_MEMBERS, writes: this.#last.writes } : decodeMembersRecord(bytes);
        this.#observe(record, clock.nowMs());
        return { bytes, record };
      } catch (error) {
        if (!(error instanceof EngineError) || !error.retryable) throw error;
        this.#away('the members record cannot be read now, it is tried again', error);
      }
      await this.#delay(attempt);
    }
    throw stopped();
  }

  /** Whether `next` has replaced what was read. If not, it may still have been there for a moment. */
  async #replace(bytes: Bytes | undefined, next: MembersRecord): Promise<boolean> {
    const replaced = await this.#record.replace(bytes, encodeMembersRecord(next));
    if (replaced === undefined) throw stopped();
    if (replaced) this.#observe(next, this.#options.clock.nowMs());
    return replaced;
  }

  #observe(record: MembersRecord, nowMs: number): void {
    this.#last = record;
    this.#silence.read(record.members, nowMs);
    this.#isAway = false;
  }

  /** Said once until the record has been read again. */
  #away(message: string, error: Error): void {
    if (!this.#isAway) this.#options.logger.warn(message, { error });
    this.#isAway = true;
  }

  #sharedRecord(signal: AbortSignal): SharedRecord {
    const { engine, keyspace, scheduler, random } = this.#options;
    const key = Buffer.from(`engram/${keyspace}/members`);
    return new SharedRecord({ engine, key, scheduler, random, signal });
  }

  #delay(attempt: number, signal = this.#abort.signal): Promise<void> {
    const { scheduler, random } = this.#options;
    return pause(scheduler, backoffMs(random, RETRY, attempt), signal);
  }
}

/** Whether the record or the engine may be repaired while this node goes on serving: then it tries again. */
function isTrouble(error: Error): boolean {
  if (error instanceof EngineError) return true;
  return error instanceof ClusterError && (error.code === 'record-damaged' || error.code === 'record-format');
}

function isClosed(error: Error): boolean {
  return error instanceof EngineError && error.code === 'closed';
}

function taken({ name, peerUrls }: RegisteredMember): ClusterError {
  const where = peerUrls.length > 0 ? ` at ${peerUrls.join(', ')}` : '';
  const text = `Cannot join the cluster: another node is named "${name}"${where} (give each node its own --name)`;
  return new ClusterError('name-taken', text);
}

function tooOld(writes: number, knows: number): ClusterError {
  const text = `Cannot join the cluster: it writes chunk format ${writes} and this program knows formats up to ${knows}`;
  return new ClusterError('format-too-old', `${text} (use a newer version)`);
}

function stopped(): ClusterError {
  return new ClusterError('members-stopped', 'Cannot go on as a member: stopped, or the engine was closed');
}

function checkSize({ members }: MembersRecord): void {
  if (members.length > MEMBERS_MAX) {
    const text = `Cannot join the cluster: it has ${MEMBERS_MAX} members already`;
    throw new ClusterError('too-many-members', `${text} (dead ones are taken out after a minute)`);
  }
  const own = members.slice(-1);
  const { length } = encodeMembersRecord({ ...EMPTY_MEMBERS, members: own });
  if (length > MEMBER_BYTES_MAX) {
    const text = `Cannot join the cluster: name and URLs take ${length} bytes, at most ${MEMBER_BYTES_MAX}`;
    throw new ClusterError('too-many-members', text);
  }
}
