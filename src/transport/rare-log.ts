import type { Logger } from '../base/index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A message is logged again after this; what comes in between is counted. */
const quietMs = 10_000;

/**
 * Logs what strangers can cause as often as they like: the first event of each message at once, and then, at most every
 * ten seconds, one line that tells how many were left out (`more`).
 */
export class RareLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  /** By message, of which the program has a handful. */
  readonly #messages = new Map<string, { loggedMs: number; more: number }>();

  constructor(logger: Logger, nowMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  warn(message: string, fields: Fields): void {
    const nowMs = this.#nowMs();
    const known = this.#messages.get(message);
    if (known !== undefined && nowMs - known.loggedMs < quietMs) {
      known.more++;
      return;
    }
    this.#messages.set(message, { loggedMs: nowMs, more: 0 });
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
