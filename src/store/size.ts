import type { Logger } from '../base/index.ts';
import type { Engine } from './options.ts';

/** What the engine takes up, as it told last. */
export class Size {
  bytes = 0;
  readonly #engine: Pick<Engine, 'sizeBytes'>;
  readonly #logger: Logger;
  #isUnderWay = false;

  constructor(engine: Pick<Engine, 'sizeBytes'>, logger: Logger) {
    this.#engine = engine;
    this.#logger = logger;
  }

  /** One at a time. Never rejects. */
  async measure(): Promise<void> {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    try {
      this.bytes = await this.#engine.sizeBytes();
    } catch (error) {
      // Only a figure: the last one stays.
      this.#logger.debug('the engine did not tell its size', { error: String(error) });
    }
    this.#isUnderWay = false;
  }
}
