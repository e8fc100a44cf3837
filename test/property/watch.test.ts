import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { WatchLife, WatchSpec } from '../validators/watch.ts';
import { splitStream, validateComplete, validateWatch } from '../validators/watch.ts';
import type { Change, TestClient } from './watch-world.ts';
import { WatchWorld } from './watch-world.ts';

// Goal: whatever happens in whatever order, each watcher gets what etcd promises. Method: random interleavings of writes,
// commits, abandoned proposals, compactions, trimming, forgetting, creates, cancels, full and drained transports, closed
// streams, progress, turns of the event loop and answers of reads, with bounds so small that each is hit; the responses
// are decoded and judged against the full history. At the end everything is drained, and every watcher must be complete.

const STREAMS = 3;

type Step =
  | { kind: 'propose'; changes: Change[] }
  | { kind: 'commit' | 'abandon' | 'trim' | 'read' }
  | { kind: 'compact' | 'forget'; part: number }
  | {
      kind: 'create';
      stream: number;
      part: number;
      spec: Omit<WatchSpec, 'startRevision'>;
      id: number;
      fragment: boolean;
      progress: boolean;
    }
  | { kind: 'cancel'; stream: number; id: number }
  | { kind: 'progress' | 'close'; stream: number }
  | { kind: 'drain'; stream: number; room: number }
  | { kind: 'turns'; count: number }
  | { kind: 'wait'; ms: number };

const key = fc.constantFrom('a', 'b', 'c', 'd');
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key, value: fc.string({ maxLength: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ key, delete: fc.constant(true as const) }) },
);
const stream = fc.nat(STREAMS - 1);
/** Where a watch starts: 0 is now, 1 at the beginning, 2 in the future; between them in the past. */
const part = fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 2, noNaN: true }));
const spec = fc.record({
  key: fc.constantFrom('', 'a', 'b', 'c'),
  rangeEnd: fc.constantFrom('', '', 'c', 'e', '\0'),
  prevKv: fc.boolean(),
  noPut: fc.constantFrom(false, false, true),
  noDelete: fc.constantFrom(false, false, true),
});
const id = fc.constantFrom(0, 0, 0, 1, 2);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('propose' as const),
      changes: fc.uniqueArray(change, {
        minLength: 1,
        maxLength: 3,
        selector: (c) => `${c.key}${'delete' in c}`,
      }),
    }),
  },
  { weight: 8, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'abandon' as const }, { kind: 'trim' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'read' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('compact' as const, 'forget' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      stream,
      part,
      spec,
      id,
      fragment: fc.boolean(),
      progress: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), stream, id: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('progress' as const), stream }) },
  // The first stream stays open, so that something is left to judge.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      stream: fc.integer({ min: 1, max: STREAMS - 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('drain' as const),
      stream,
      room: fc.constantFrom(1, 1, 2, 5, Infinity),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(50, 120) }) },
);

class Run {
  readonly world: WatchWorld;
  readonly clients: TestClient[];
  readonly specs: WatchSpec[][] = Array.from({ length: STREAMS }, () => []);
  readonly closed = new Set<number>();

  constructor(sliceStepsMax: number) {
    const limits = {
      sliceStepsMax,
      responseRevisionsMax: 3,
      responseBytesMax: 200,
      fragmentBytesMin: 120,
      catchingUpPerStreamMax: 3,
      historyPassesMax: 2,
      nearRevisionsMax: 4,
      readsPerPassMax: 2,
      readingPassesMax: 1,
      watchersPerStreamMax: 8,
      waitingResponsesMax: 1000,
    };
    this.world = new WatchWorld(limits, { progressIntervalMs: 100 });
    this.clients = Array.from({ length: STREAMS }, () => this.world.open());
  }

  async take(step: Step): Promise<void> {
    const { world } = this;
    switch (step.kind) {
      case 'propose':
        return world.propose(step.changes);
      case 'commit':
        return world.commit();
      case 'abandon':
        return world.abandon();
      case 'trim':
        return world.trim();
      case 'read':
        return world.answerReads();
      case 'compact': {
        const revision = Math.ceil(step.part * world.revision);
        if (revision > world.compacted) world.compact(revision);
        return;
      }
      case 'forget':
        return world.forget(Math.ceil(step.part * world.revision));
      case 'turns':
        for (let i = 0; i < step.count; i++) world.scheduler.turn();
        return;
      case 'wait':
        return world.scheduler.advance(step.ms);
      default:
        return this.#onStream(step);
    }
  }

  #onStream(step: Extract<Step, { stream: number }>): void {
    const client = this.clients[step.stream]!;
    if (this.closed.has(step.stream)) return;
    if (step.kind === 'create') {
      const startRevision = Math.ceil(step.part * this.world.revision);
      const filters = [step.spec.noPut ? 0 : 5, step.spec.noDelete ? 1 : 5];
      this.specs[step.stream]!.push({ ...step.spec, key: step.spec.key || '\0', startRevision });
      client.create({
        key: step.spec.key,
        end: step.spec.rangeEnd,
        start: startRevision,
        id: step.id,
        prevKv: step.spec.prevKv,
        filters,
        fragment: step.fragment,
        progress: step.progress,
      });
    } else if (step.kind === 'cancel') client.cancel(step.id);
    else if (step.kind === 'progress') client.progress();
    else if (step.kind === 'drain') client.drain(step.room);
    else {
      this.closed.add(step.stream);
      client.stream.close();
    }
  }

  /** All transports take everything, and everything is committed. */
  async finish(): Promise<void> {
    this.world.commit();
    for (const [i, client] of this.clients.entries()) if (!this.closed.has(i)) client.drain(Infinity);
    await this.world.settle();
  }

  violations(): string[] {
    const { world } = this;
    return this.clients.flatMap((client, i) =>
      splitStream(client.responses, this.specs[i]!).flatMap((life) => {
        const found = validateWatch(life, world.history, world.compacted);
        if (life.end === undefined && !this.closed.has(i)) {
          found.push(...validateComplete(life, world.history, world.revision));
        }
        return [...found, ...this.#wrongEnd(life)].map(
          (text) => `stream ${i}, watch ${life.watchId}: ${text}`,
        );
      }),
    );
  }

  /** A compaction answer to a watcher that had received, or been told of, all below the compacted revision. */
  #wrongEnd(life: WatchLife): string[] {
    if (life.end === undefined || life.end.compactRevision === 0) return [];
    const { compactRevision, revision } = life.end;
    const before = life.responses.slice(0, life.responses.indexOf(life.end));
    const known = Math.max(life.spec.startRevision - 1, ...before.map((r) => r.revision));
    if (revision === 0 && compactRevision <= this.world.compacted && known + 1 < compactRevision) return [];
    return [`wrongly compacted at ${compactRevision}, after ${known}`];
  }
}

const steps = fc.array(step, { minLength: 10, maxLength: 120, size: 'max' });
const sliceSteps = fc.constantFrom(1, 2, 3, 7, 1000);
const runs = Number(process.env['WATCH_RUNS'] ?? 200);
const timeout = 300_000 + runs * 200;

test.prop([steps, sliceSteps], { numRuns: runs })(
  'promise 5, 8: ordered, unique, reliable, atomic, resumable, bookmarkable, under any interleaving',
  async (list, slice) => {
    const run = new Run(slice);
    for (const step of list) await run.take(step);
    await run.finish();
    expect(run.violations()).toEqual([]);
    expect(run.world.hub.statistics()).toMatchObject({ slowWatchers: 0, responsesWaiting: 0 });
  },
  timeout,
);

test.prop([steps, sliceSteps], { numRuns: Math.ceil(runs / 4) })(
  'promise 5 (bookmarkable): once all is quiet a progress request tells the current revision',
  async (list, slice) => {
    const run = new Run(slice);
    for (const step of list) await run.take(step);
    await run.finish();
    for (const [i, client] of run.clients.entries()) {
      if (run.closed.has(i)) continue;
      const lives = splitStream(client.take(), run.specs[i]!);
      const open = lives.filter((life) => life.end === undefined);
      const compacted = lives.filter((life) => life.end !== undefined && life.end.compactRevision > 0);
      // Those that were cancelled after the compaction answer have freed their ids, and do not count.
      const blocking = compacted.filter((life) => life.responses.filter((r) => r.canceled).length === 1);
      const isAhead = open.some((life) => life.startSent > run.world.revision);
      client.progress();
      const answers = client.take();
      if (open.length === 0 || blocking.length > 0) expect(answers).toEqual([]);
      else if (!isAhead) expect(answers).toMatchObject([{ watchId: -1, revision: run.world.revision }]);
      else expect(answers).toEqual([]);
    }
  },
  timeout,
);
