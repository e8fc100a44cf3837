import type { Cancel } from '../../base/index.ts';
import { asError, TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import { physicalMs } from '../timestamp.ts';
import { collectGarbage } from './collect.ts';

/** As TiDB does it, and often enough to spread the work. */
const EVERY_MS = 3 * 60_000;

export interface GcSchedule {
  /** How long what is overwritten or deleted is kept for readers; at least 10 minutes. */
  readonly lifeMs: number;
  /** @default 3 minutes */
  readonly everyMs?: number;
  /** Asked before each round: one of many that could do it is enough. @default always */
  readonly isDue?: () => boolean;
}

/**
 * Collects garbage from time to time, until it is stopped. Rounds never overlap; one that fails is a line in the log, and
 * the next one makes up for it. Where somebody else does the same, one of them finds nothing to do.
 */
export class GarbageCollector {
  readonly #session: Session;
  readonly #schedule: GcSchedule;
  readonly #everyMs: number;
  readonly #stopping = new AbortController();
  #cancel: Cancel | undefined;
  #round: Promise<void> | undefined;

  constructor(session: Session, schedule: GcSchedule) {
    this.#session = session;
    this.#schedule = schedule;
    this.#everyMs = schedule.everyMs ?? EVERY_MS;
    // Soon: who is started anew again and again would never come to it.
    this.#plan(this.#everyMs / 10);
  }

  /** Ends the round under way; resolves when it has ended. Calling it again is harmless. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#stopping.abort(new TikvError('aborted', 'The garbage collector was stopped'));
    await this.#round;
  }

  #plan(delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#cancel = this.#session.environment.scheduler.after(delayMs, () => {
      this.#round = this.#run().finally(() => this.#plan(this.#everyMs));
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { lifeMs, isDue } = this.#schedule;
    const { logger } = this.#session.environment;
    if (isDue?.() === false) return;
    const { signal } = this.#stopping;
    try {
      const report = await collectGarbage(this.#session, { lifeMs, slackMs: this.#everyMs / 2, signal });
      const { safePoint, isMoved, lockCount } = report;
      const fields = { safePoint: String(safePoint), safePointMs: physicalMs(safePoint), lockCount };
      if (isMoved) logger.info('The safe point has moved', fields);
      else logger.debug('The safe point stays where it is', fields);
    } catch (error) {
      if (signal.aborted || (error instanceof TikvError && error.code === 'closed')) return;
      logger.warn('Garbage could not be collected; the next round tries again', {
        error: asError(error).message,
      });
    }
  }
}
