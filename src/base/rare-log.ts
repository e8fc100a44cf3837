import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Logs what strangers can cause as often as they like: the first event of each kind at once, and then, at most once in
 * `quietMs`, one line that tells how many were left out (`more`).
 */
export class RareLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #quietMs: number;
  /** By kind, of which the program has a handful. */
  readonly #kinds = new Map<string, { loggedMs: number; more: number }>();

  constructor(logger: Logger, clock: Clock, quietMs: number) {
    this.#logger = logger;
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  /** @param kind what is counted together; one of few, whatever strangers do. */
  warn(message: string, fields: Fields, kind = message): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#kinds.get(kind);
    if (known !== undefined && nowMs - known.loggedMs < this.#quietMs) {
      known.more++;
      return;
    }
    this.#kinds.set(kind, { loggedMs: nowMs, more: 0 });
    this.#logger.warn(
      message,
      known === undefined || known.more === 0 ? fields : { ...fields, more: known.more },
    );
  }

  /** Not bounded: for those who turn debugging on. */
  debug(message: string, fields: Fields): void {
    this.#logger.debug(message, fields);
  }
}
