import { SeededRandom, silentLogger } from '../../src/base/index.ts';
import type { Write } from '../../src/engine/index.ts';
import { Cleaner, HistoryReader, LogKeys, LogMap, LogWriter, replay } from '../../src/log/index.ts';
import type { Commit, CommitListener, Liveness, Outcome, Record } from '../../src/log/index.ts';
import { decodeHead } from '../../src/log/head.ts';
import { chunkOf, ModelState, ModelTarget } from './log-model.ts';
import { frozen, TestArena, UnreliableEngine, VirtualTime } from './log-world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly faults?: ReadonlySet<string>;
  readonly operations?: number;
}

export interface RunResult {
  readonly problems: readonly string[];
  readonly counts: { [name: string]: number };
  /** Of all answers and of the final state. */
  readonly digest: string;
}

interface Answered {
  readonly epoch: number;
  /** The revision it wrote, or, for a barrier, the last one that it saw. */
  readonly revision: number;
  readonly hasRevision: boolean;
  readonly isBarrier: boolean;
  outcome: Outcome | undefined;
}

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const LIMITS = { groupBytesMax: 600, retryDelayMs: 2, retryDelayMsMax: 50, requestTimeoutMs: 2000 };
const CLEANER = {
  stepBytesMax: 900,
  chunkBytesMin: 300,
  deadBytesMin: 200,
  deadShareMin: 0.1,
  removalsMin: 4,
  removalsShareMin: 0.05,
  newChunksMin: 6,
};

/** One leader's memory: evaluates against what is proposed, as the store does. */
class Leader implements CommitListener, Liveness {
  readonly state: ModelState;
  readonly epoch: number;
  isDeposed = false;
  lastCommitted: number;
  writer!: LogWriter;
  cleaner!: Cleaner;
  history!: HistoryReader;
  readonly #run: Run;

  constructor(run: Run, epoch: number, state: ModelState) {
    this.#run = run;
    this.epoch = epoch;
    this.state = state;
    this.lastCommitted = state.revision;
  }

  committed(commit: Commit): void {
    this.#run.expect(!this.isDeposed, 'committed after deposed');
    this.#run.shown(this.epoch, commit);
    this.state.sequence = commit.sequence;
    this.state.revision = this.lastCommitted = commit.revision;
    for (const { record, sequence } of commit.records) this.state.record(record, sequence);
  }

  deposed(): void {
    this.#run.expect(!this.isDeposed, 'deposed twice');
    this.isDeposed = true;
    this.state.popAbove(this.lastCommitted);
  }

  get compacted(): number {
    return this.state.compacted;
  }
  get sequence(): number {
    return this.state.sequence;
  }
  get neededBytes(): number {
    return 0;
  }

  putIsLive(key: Uint8Array, revision: number): boolean {
    const newest = this.state.at(Buffer.from(key).toString('latin1'), this.state.compacted);
    return revision > this.state.compacted || newest?.revision === revision;
  }

  grantIsLive(id: bigint, sequence: number): boolean {
    return this.state.leases.get(id) === sequence;
  }

  alarmIsLive(member: bigint, alarm: number): boolean {
    return this.state.alarms.has(`${member}/${alarm}`);
  }
}

/** Random proposals, crashes and usurpations, over an unreliable engine, with a cleaner that never rests. */
export class Run {
  readonly problems: string[] = [];
  readonly counts: { [name: string]: number } = {};
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly engine: UnreliableEngine;
  readonly keys = new LogKeys('test');
  readonly faults: ReadonlySet<string>;
  /** The log as if it had never been cleaned. */
  readonly full = new ModelState();
  readonly answers: Answered[] = [];
  /** Revision -> the epoch that committed it. */
  readonly epochOf = new Map<number, number>();
  readonly #options: RunOptions;
  #epoch = 0;
  #headEpoch = 0;
  #nextId = 1n;
  #checks: Promise<void> = Promise.resolve();
  #hasLease = true;

  constructor(options: RunOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.faults = options.faults ?? new Set();
    const uncertain = this.random.pick([0, 0.1, 0.4]);
    this.engine = new UnreliableEngine(this.time, this.random.fork('engine'), {
      uncertain,
      refused: this.random.pick([0, 0.1]),
    });
    this.engine.onLanded = (writes) => this.#landed(writes);
  }

  expect(holds: boolean, problem: string): void {
    if (!holds && this.problems.length < 10)
      this.problems.push(`${this.time.nowMs().toFixed(0)} ms: ${problem}`);
  }

  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  async execute(): Promise<RunResult> {
    try {
      await this.#run();
    } catch (error) {
      this.expect(false, `it fails: ${String(error)}`);
    }
    return { problems: this.problems, counts: this.counts, digest: this.#digest() };
  }

  async #run(): Promise<void> {
    const { random } = this;
    let leader = await this.#takeOver();
    const old: Leader[] = [];
    const operations = this.#options.operations ?? 150;
    for (let i = 0; i < operations && this.problems.length === 0; i++) {
      if (leader.isDeposed || !leader.writer.leading || random.chance(0.015)) {
        // The old one does not know: it goes on proposing for a while.
        old.push(leader);
        leader = await this.#takeOver();
        this.count('take-overs');
      }
      for (const other of [leader, ...old.slice(-1)])
        if (other === leader || random.chance(0.3)) this.#propose(other);
      if (random.chance(0.1)) this.#hasLease = !this.#hasLease;
      if (this.#hasLease) leader.writer.release();
      if (random.chance(0.03)) for (let steps = 0; steps < 12; steps++) await this.#clean(leader, false);
      else if (random.chance(0.5)) await this.#clean(leader, random.chance(0.5));
      else for (let steps = random.int(0, 6); steps > 0; steps--) await this.time.step();
      if (random.chance(0.1)) await this.#readHistory(leader);
    }
    await this.#finish([leader, ...old]);
  }

  // ---- As commits land

  /** A leader shows a commit: it must be there. */
  shown(epoch: number, commit: Commit): void {
    this.expect(
      this.full.sequence >= commit.sequence,
      `promise 1: ${commit.sequence} is shown before it is committed`,
    );
    const isOwn = commit.revision === 1 || this.epochOf.has(commit.revision);
    this.expect(
      isOwn,
      `promise 1: revision ${commit.revision} of epoch ${epoch} is shown and not in the log`,
    );
  }

  #landed(writes: readonly Write[]): void {
    const headWrite = writes.find(({ key }) => Buffer.compare(key, this.keys.head) === 0);
    const head = decodeHead(headWrite!.value!);
    this.expect(
      head.epoch >= this.#headEpoch,
      `promise 3: epoch ${head.epoch} commits after ${this.#headEpoch}`,
    );
    this.#headEpoch = head.epoch;
    const chunks = writes
      .filter(({ value }) => value !== undefined)
      .filter((write) => write !== headWrite)
      .map(({ key, value }) => chunkOf(key, value!));
    const appended = chunks.filter(({ header }) => header.first > this.full.sequence);
    if (appended.length === 0) this.count('cleanings');
    if (chunks.some(({ header }) => header.swept)) this.count('sweeps');
    if (chunks.some(({ header }) => header.last > header.first)) this.count('merges');
    for (const chunk of appended) {
      const before = this.full.revision;
      this.expect(chunk.header.first === this.full.sequence + 1, `chunk ${chunk.header.first} leaves a gap`);
      this.full.applyChunk(chunk);
      if (chunk.header.continues) this.count('continued');
      for (let revision = before; revision <= this.full.revision; revision++)
        if (!this.epochOf.has(revision)) this.epochOf.set(revision, chunk.header.epoch);
    }
    const isEnd = head.sequence === this.full.sequence && head.revision === this.full.revision;
    this.expect(
      isEnd,
      `the head says ${head.sequence}, ${head.revision}; the log ${this.full.sequence}, ${this.full.revision}`,
    );
    this.#checkReplay();
  }

  /** A replay of what is stored gives the state of the log that was never cleaned. */
  #checkReplay(): void {
    const engine = frozen(this.engine.memory);
    const expected = this.full.digest();
    const arena = new TestArena(700);
    const bytes = (segment: number) => arena.bytes(segment);
    const target = new ModelTarget(new ModelState(), bytes, (state) => this.#checkPrefix(state));
    const options = { engine, keys: this.keys, arena, map: new LogMap(), target, faults: this.faults };
    const check = async () => {
      try {
        await replay({ ...options, signal: new AbortController().signal });
        const found = target.state.digest();
        this.expect(found === expected, `a replay gives\n${found}\ninstead of\n${expected}`);
      } catch (error) {
        this.expect(false, `a replay fails: ${String(error)}`);
      }
    };
    this.#checks = this.#checks.then(check);
  }

  /** Whatever a node may show on its way equals the log as if it had never been cleaned. */
  #checkPrefix(state: ModelState): void {
    if (!state.isReadable) return;
    for (const key of KEYS)
      for (const revision of new Set([state.revision, Math.max(1, state.compacted)])) {
        const found = state.at(key, revision)?.value;
        const expected = this.full.at(key, revision)?.value;
        this.expect(
          found === expected,
          `a node that has applied ${state.sequence} shows ${key}=${found} at ${revision}, not ${expected}`,
        );
      }
  }

  // ---- Leaders

  async #takeOver(): Promise<Leader> {
    for (;;) {
      const arena = new TestArena(this.random.pick([300, 1000, 4000]));
      const map = new LogMap();
      const target = new ModelTarget(
        new ModelState(),
        (segment) => arena.bytes(segment),
        () => undefined,
      );
      const { engine, keys, faults } = this;
      const signal = new AbortController().signal;
      const replayed = await this.#wait(replay({ engine, keys, arena, map, target, signal }));
      const leader = new Leader(this, ++this.#epoch, target.state);
      const world = {
        clock: this.time,
        scheduler: this.time,
        random: this.random.fork('writer'),
        logger: silentLogger,
      };
      leader.writer = new LogWriter({
        ...world,
        ...replayed,
        engine,
        keys,
        arena,
        map,
        epoch: leader.epoch,
        lease: { holds: () => this.#hasLease },
        listener: leader,
        limits: LIMITS,
        faults,
      });
      leader.cleaner = new Cleaner({
        ...world,
        writer: leader.writer,
        engine,
        keys,
        map,
        liveness: leader,
        limits: CLEANER,
        faults,
      });
      leader.history = new HistoryReader({ engine, keys, map, cacheBytesMax: 4000 });
      if ((await this.#wait(leader.writer.start())) === 'leading') return leader;
    }
  }

  async #wait<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const marked = work.finally(() => (isDone = true));
    marked.catch(() => undefined);
    await this.time.until(() => isDone);
    return marked;
  }

  #propose(leader: Leader): void {
    const { writer, state } = leader;
    if (!writer.leading) return;
    const { random } = this;
    const count = random.int(1, 4);
    for (let i = 0; i < count; i++) {
      const before = writer.proposedRevision;
      const hasWritten = random.chance(0.85) && this.#append(leader);
      const revision = writer.proposedRevision;
      const { epoch } = leader;
      const hasRevision = revision > before;
      const answer: Answered = { epoch, revision, hasRevision, isBarrier: !hasWritten, outcome: undefined };
      this.answers.push(answer);
      const waiter = { settled: (outcome: Outcome) => this.#answered(answer, outcome) };
      if (hasWritten) writer.seal(waiter);
      else writer.barrier(waiter);
      this.expect(answer.outcome === undefined, 'a waiter is told inside the call');
    }
    this.expect(
      state.sequence <= this.full.sequence,
      `a leader has applied ${state.sequence}, which is not there`,
    );
  }

  #append(leader: Leader): boolean {
    const { random } = this;
    const { writer, state } = leader;
    const revision = writer.proposedRevision + 1;
    const put = (key: string, sub: number) => {
      const value = `${leader.epoch}.${revision}`.padEnd(random.pick([4, 40, 400]), '.');
      writer.put(
        revision,
        sub,
        Buffer.from(key),
        revision,
        1,
        Buffer.from(value),
        random.chance(0.2) ? 5n : 0n,
      );
      state.add(key, { revision, sub, value });
    };
    const remove = (key: string, sub: number) => {
      writer.remove(revision, sub, Buffer.from(key));
      state.add(key, { revision, sub, value: undefined });
    };
    const held = KEYS.filter((key) => state.at(key, Infinity)?.value !== undefined);
    const kind = random.int(0, 11);
    if (kind <= 4) put(random.pick(KEYS), 0);
    else if (kind === 5) KEYS.forEach((key, sub) => put(key, sub));
    else if (kind <= 7 && held.length > 0) remove(random.pick(held), 0);
    else if (kind === 8 && held.length > 0) held.forEach((key, sub) => remove(key, sub));
    else return this.#appendRecord(leader);
    return true;
  }

  #appendRecord({ writer, state }: Leader): boolean {
    const { random } = this;
    const pending = [...writer.pendingRecords()];
    const add = (record: Record) => {
      this.expect(
        !writer.hasPending(record.kind) || pending.some(({ kind }) => kind === record.kind),
        'pending',
      );
      writer.record(record);
      return true;
    };
    const kind = random.int(0, 3);
    const leases = [...state.leases.keys()].filter(
      (id) => !pending.some((record) => record.kind === 'revoke' && record.id === id),
    );
    if (kind === 0) return add({ kind: 'grant', id: this.#nextId++, ttl: 60 });
    if (kind === 1 && leases.length > 0) return add({ kind: 'revoke', id: random.pick(leases) });
    if (kind === 2) return add({ kind: 'alarm', member: 7n, alarm: 1, active: random.chance(0.5) });
    const compactable = !writer.hasPending('compact') && state.revision > state.compacted;
    if (!compactable) return false;
    return add({ kind: 'compact', revision: random.int(state.compacted + 1, state.revision) });
  }

  #answered(answer: Answered, outcome: Outcome): void {
    this.expect(answer.outcome === undefined, 'a waiter is told twice');
    answer.outcome = outcome;
    this.count(`${answer.isBarrier ? 'saw' : 'wrote'} ${outcome}`);
    if (outcome !== 'committed') return;
    const owner = this.epochOf.get(answer.revision);
    const isThere = answer.revision <= 1 || (owner !== undefined && owner <= answer.epoch);
    this.expect(
      isThere,
      `promise 1: revision ${answer.revision} of ${answer.epoch} is acknowledged and not there`,
    );
    if (answer.isBarrier)
      this.expect(this.#hasLease, 'an answer that wrote nothing leaves without the lease');
  }

  // ---- Cleaning and history

  async #clean(leader: Leader, whileWriting: boolean): Promise<void> {
    if (leader.isDeposed) return;
    if (this.random.chance(0.1)) leader.cleaner.demand();
    let isDone = false;
    const step = leader.cleaner.step().finally(() => (isDone = true));
    step.catch(() => undefined);
    await this.time.until(() => {
      if (whileWriting && this.random.chance(0.1)) this.#propose(leader);
      return isDone;
    });
    await step;
  }

  async #readHistory(leader: Leader): Promise<void> {
    const { full } = this;
    if (leader.isDeposed || leader.lastCommitted < 2) return;
    for (let i = 0; i < 3; i++) {
      const key = this.random.pick(KEYS);
      const version = full.at(key, this.random.int(2, leader.lastCommitted));
      if (version === undefined) continue;
      const isNeeded = leader.putIsLive(Buffer.from(key), version.revision);
      const found = await this.#wait(leader.history.body(version.revision, version.sub));
      this.expect(
        found !== 'compacted' || !isNeeded || version.value === undefined,
        `lost ${key}@${version.revision}`,
      );
      if (found === 'compacted') continue;
      this.count('history');
      const value = version.value ?? key;
      this.expect(Buffer.from(found).includes(value), `a wrong body for ${key}@${version.revision}`);
    }
    const from = Math.max(2, leader.compacted);
    const events: number[] = [];
    const read = async () => {
      const signal = new AbortController().signal;
      for await (const { revision, sub } of leader.history.bodies(from, leader.lastCommitted, signal))
        events.push(revision * 1000 + sub);
    };
    const to = leader.lastCommitted;
    await this.#wait(read());
    const expected = [...full.keys.values()]
      .flat()
      .filter(({ revision }) => revision >= from && revision <= to)
      .map(({ revision, sub }) => revision * 1000 + sub)
      .sort((a, b) => a - b);
    this.expect(
      String(events.filter((event) => event < (to + 1) * 1000)) === String(expected),
      `events from ${from} to ${to}`,
    );
  }

  // ---- The end

  async #finish(leaders: readonly Leader[]): Promise<void> {
    this.engine.faults = { uncertain: 0, refused: 0 };
    this.#hasLease = true;
    for (const { writer } of leaders) writer.release();
    for (const { writer } of leaders) await this.#wait(writer.stop());
    // Late copies of commits land now, or never.
    for (let steps = 0; steps < 300 && (await this.time.step()); steps++);
    await this.#checks;
    for (const answer of this.answers) {
      const { epoch, revision, outcome, hasRevision } = answer;
      this.expect(outcome !== undefined, `revision ${revision} of epoch ${epoch} is never answered`);
      const isThere = hasRevision && this.epochOf.get(revision) === epoch;
      this.expect(
        outcome !== 'leader-changed' || !isThere,
        `promise 6: ${revision} of epoch ${epoch} failed and is in the log`,
      );
    }
  }

  #digest(): string {
    const answers = this.answers.map(({ epoch, revision, outcome }) => `${epoch}.${revision}=${outcome}`);
    return `${answers.join()}\n${this.full.digest()}`;
  }
}
