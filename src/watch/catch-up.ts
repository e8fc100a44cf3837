import { Pass } from './pass.ts';
import type { PassHost } from './pass.ts';
import { HistoryWalk, KeyWalk } from './walk.ts';
import type { Watcher } from './watcher.ts';

export interface CatchUpHost extends PassHost {
  /**
   * Takes a watcher that has left its pass. Events below `lostBelow` can no longer be read: a watcher whose cursor is
   * lower is cancelled as compacted at that revision.
   */
  place(watcher: Watcher, lostBelow: number): void;
}

/**
 * Brings up the watchers that lag. Those near one another share a pass over the history; those of a single key go by the
 * versions of that key, together when they start at the same revision. Passes take turns.
 */
export class CatchUp {
  readonly #host: CatchUpHost;
  /** Passes with work to do, the next one first. A pass is in here, is being read for, or has ended. */
  readonly #queue = new Set<Pass>();
  readonly #historyPasses = new Set<Pass>();
  readonly #keyPasses = new Map<string, Pass>();
  readonly #keyPassNames = new Map<Pass, string>();
  /** Passes whose watchers are being released, and among them those that cannot be served. */
  readonly #ending = new Set<Pass>();
  readonly #failed = new Set<Pass>();
  /** Watchers for whom there are too many passes over the history already. */
  readonly #waiting = new Set<Watcher>();
  readonly #overtaken = new Set<Pass>();

  constructor(host: CatchUpHost) {
    this.#host = host;
  }

  get hasWork(): boolean {
    return this.#queue.size > 0;
  }

  /** Watchers of a live pass that was overtaken are still being released. */
  get isReleasingLive(): boolean {
    return this.#overtaken.size > 0;
  }

  /** Takes a watcher that lags; its cursor must not be below the compacted revision. */
  add(watcher: Watcher): void {
    watcher.isCatchingUp = true;
    watcher.stream.catchingUp++;
    if (watcher.isSingle) this.#keyPass(watcher).add(watcher);
    else this.#addToHistoryPass(watcher);
  }

  /** Takes out a watcher that is in a pass or waits for one. */
  remove(watcher: Watcher): void {
    this.#waiting.delete(watcher);
    watcher.pass?.remove(watcher);
    if (!watcher.isCatchingUp) return;
    watcher.isCatchingUp = false;
    watcher.stream.catchingUp--;
  }

  /** A live pass that a compaction has overtaken: its watchers are cancelled, or placed anew. */
  adoptLive(pass: Pass): void {
    this.#overtaken.add(pass);
    pass.discard();
    this.#ending.add(pass);
    this.#queue.add(pass);
  }

  /** What the pass waited for has been read. */
  resume(pass: Pass): void {
    this.#queue.add(pass);
  }

  /** What the pass waited for cannot be read: its streams are ended. */
  fail(pass: Pass): void {
    this.#failed.add(pass);
    this.#queue.add(pass);
  }

  step(): void {
    // Adding a pass again puts it behind the others, and this loop comes back to it.
    for (const pass of this.#queue) {
      if (this.#host.budget.isSpent) return;
      this.#queue.delete(pass);
      if (this.#run(pass)) this.#queue.add(pass);
    }
  }

  /** True: the pass has more to do now. */
  #run(pass: Pass): boolean {
    if (pass.ranges.size > 0) {
      const mustEnd = this.#ending.has(pass) || this.#failed.has(pass) || pass.isLost;
      const outcome = mustEnd ? 'lost' : pass.step();
      if (outcome === 'more') return true;
      if (outcome === 'reading') return false;
      if (outcome === 'lost' && !this.#ending.has(pass)) {
        pass.discard();
        this.#ending.add(pass);
      }
      if (!this.#release(pass)) return true;
    }
    this.#end(pass);
    return false;
  }

  /** Places the watchers of a pass anew. False: the budget was spent before the last one. */
  #release(pass: Pass): boolean {
    const { budget, source } = this.#host;
    const lostBelow = Math.max(pass.lostBelow, source.compacted());
    for (let watcher = pass.ranges.any(); watcher !== undefined; watcher = pass.ranges.any()) {
      if (budget.isSpent) return false;
      budget.step();
      this.remove(watcher);
      if (this.#failed.has(pass)) watcher.stream.fail({ code: 'unavailable' });
      this.#host.place(watcher, lostBelow);
    }
    return true;
  }

  #end(pass: Pass): void {
    this.#ending.delete(pass);
    this.#failed.delete(pass);
    this.#overtaken.delete(pass);
    const name = this.#keyPassNames.get(pass);
    this.#keyPassNames.delete(pass);
    if (name !== undefined && this.#keyPasses.get(name) === pass) this.#keyPasses.delete(name);
    if (this.#historyPasses.delete(pass)) this.#admitWaiting();
  }

  /** A place is free: who has waited longest gets a pass of its own, and others that are near join it. */
  #admitWaiting(): void {
    let looked = 0;
    for (const watcher of this.#waiting) {
      if (looked++ === this.#host.limits.catchingUpPerStreamMax) return;
      const isFull = this.#historyPasses.size >= this.#host.limits.historyPassesMax;
      if (isFull && this.#nearPass(watcher) === undefined) continue;
      this.#waiting.delete(watcher);
      this.remove(watcher);
      this.#host.place(watcher, this.#host.source.compacted());
    }
  }

  #addToHistoryPass(watcher: Watcher): void {
    let pass = this.#nearPass(watcher);
    if (pass === undefined) {
      if (this.#historyPasses.size >= this.#host.limits.historyPassesMax) {
        watcher.state = 'waiting';
        this.#waiting.add(watcher);
        return;
      }
      const walk = new HistoryWalk(this.#host.source, watcher.next);
      pass = new Pass(this.#host, { walk, next: watcher.next, isLive: false });
      this.#historyPasses.add(pass);
      this.#queue.add(pass);
    }
    pass.add(watcher);
  }

  /** The pass that will be soonest where the watcher is. */
  #nearPass(watcher: Watcher): Pass | undefined {
    let nearest: Pass | undefined;
    let nearestBy = this.#host.limits.nearRevisionsMax + 1;
    for (const pass of this.#historyPasses) {
      const by = watcher.next - pass.walked;
      if (by < 1 || by >= nearestBy || this.#ending.has(pass) || this.#failed.has(pass) || pass.isLost)
        continue;
      nearest = pass;
      nearestBy = by;
    }
    return nearest;
  }

  #keyPass(watcher: Watcher): Pass {
    const name = `${watcher.next}:${Buffer.from(watcher.key).toString('latin1')}`;
    const existing = this.#keyPasses.get(name);
    const isUsable = existing?.walked === watcher.next - 1 && !this.#ending.has(existing) && !existing.isLost;
    if (existing !== undefined && isUsable) return existing;
    const walk = new KeyWalk(this.#host.source, watcher.key);
    const pass = new Pass(this.#host, { walk, next: watcher.next, isLive: false });
    this.#keyPasses.set(name, pass);
    this.#keyPassNames.set(pass, name);
    this.#queue.add(pass);
    return pass;
  }
}
