import type { Logger } from '../base/index.ts';
import { metricsHttp, type HealthAnswers } from '../server/index.ts';
import type { HttpHandler } from '../transport/index.ts';

const STARTING = 'the server is starting';

/** What probes are told until the log has been read: that the process lives and does not serve yet. */
export function startingHttp(logger: Logger, healthAnswers: HealthAnswers): HttpHandler {
  const notYet = (): Promise<string | undefined> => Promise.resolve(STARTING);
  const fine = (): Promise<string | undefined> => Promise.resolve(undefined);
  return metricsHttp({
    checks: {
      serializableRead: notYet,
      linearizableRead: notYet,
      dataCorruption: fine,
      nonLearner: fine,
      hasLeader: () => true,
      alarms: () => [],
    },
    healthAnswers,
    metrics: () => Promise.resolve({ text: '', contentType: 'text/plain; version=0.0.4; charset=utf-8' }),
    logger,
  });
}

/** A handler whose place another takes later. */
export class SwitchedHttp {
  #handler: HttpHandler;

  constructor(handler: HttpHandler) {
    this.#handler = handler;
  }

  readonly handle: HttpHandler = (exchange) => this.#handler(exchange);

  switchTo(handler: HttpHandler): void {
    this.#handler = handler;
  }
}
