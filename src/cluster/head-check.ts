import type { Clock, Scheduler } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { decodeHead, LogError, LogKeys } from '../log/index.ts';
import type { Store, StoreErrorCode } from '../store/index.ts';
import { SharedAsk } from './shared-ask.ts';

/** After a read of the head that failed. */
const RETRY_MS = 20;
const ASKERS_MAX = 65_536;

export interface HeadCheckOptions {
  readonly engine: Pick<Engine, 'snapshot'>;
  readonly keyspace: string;
  /** The one that serves now. */
  readonly store: () => Pick<Store, 'leads' | 'epoch' | 'sequence'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly requestTimeoutMs: number;
  /** @default 65,536 */
  readonly askersMax?: number;
}

/**
 * Whether this node leads still, by the head instead of a clock (`--linearizable-reads=engine`): a head of this node's
 * epoch, read after the question, says that nobody else had begun one. One read confirms all who asked before it began.
 */
export class HeadCheck {
  readonly #options: HeadCheckOptions;
  readonly #head: LogKeys['head'];
  readonly #ask: SharedAsk<undefined>;

  constructor(options: HeadCheckOptions) {
    this.#options = options;
    this.#head = new LogKeys(options.keyspace).head;
    const { clock, scheduler, requestTimeoutMs, askersMax = ASKERS_MAX } = options;
    this.#ask = new SharedAsk({
      ...{ clock, scheduler, askersMax, timeoutMs: requestTimeoutMs },
      send: (id) => void this.#read(id),
    });
    this.#ask.open();
  }

  /**
   * `done` comes later: undefined when this node led at a time after this call, in the epoch that it leads in now;
   * `LeaderChanged` when it does not lead; `Timeout`, `TooManyRequests`, `Stopped`, or `Corrupt` (the head cannot be read)
   * when that could not be found out.
   */
  ask(done: (refusal: StoreErrorCode | undefined) => void): void {
    this.#ask.ask(done);
  }

  /** Refuses all with `Stopped`. */
  close(): void {
    this.#ask.close();
  }

  /** Never rejects. */
  async #read(id: number): Promise<void> {
    const { engine } = this.#options;
    const { leads, epoch, sequence } = this.#options.store();
    if (!leads) return this.#ask.answered(id, 'LeaderChanged');
    try {
      await using snapshot = await engine.snapshot();
      const bytes = await snapshot.get(this.#head);
      const head = bytes === undefined ? undefined : decodeHead(bytes);
      // Behind what was acknowledged: a store that forgot, where an older head of this very epoch proves nothing.
      const isOurs = head?.epoch === epoch && head.sequence >= sequence;
      const now = this.#options.store();
      const leadsOn = now.leads && now.epoch === epoch;
      this.#ask.answered(id, isOurs && leadsOn ? undefined : 'LeaderChanged');
    } catch (error) {
      if (error instanceof LogError) this.#ask.answered(id, 'Corrupt');
      else if (!(error instanceof EngineError)) throw error;
      else if (error.code === 'closed') this.#ask.answered(id, 'Stopped');
      else this.#ask.unanswered(id, RETRY_MS);
    }
  }
}
