import type { LeaderRecord } from './leader-record.ts';
import type { LeaderTouch } from './leader-touch.ts';

/** What this node knows of the leader, itself or another: by the leader record, and by what was heard of it. */
export class LeaderNews {
  readonly #touch: LeaderTouch;
  #record: LeaderRecord | undefined;
  #name: string | undefined;
  #epoch = 0;
  #changes = 0;
  #untilNext: (() => void)[] = [];

  constructor(touch: LeaderTouch) {
    this.#touch = touch;
  }

  /** The last that was heard of; undefined before the first, and when nobody knows it by name. */
  get name(): string | undefined {
    return this.#name;
  }

  /** How often another epoch was heard of, the first one included. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether a leader was heard of lately. */
  get isFresh(): boolean {
    return this.#touch.isFresh;
  }

  /** Who is to be followed; undefined when nobody is known, or a later leader than the record tells of was heard of. */
  get followed(): LeaderRecord | undefined {
    return this.#record !== undefined && this.#record.epoch >= this.#epoch ? this.#record : undefined;
  }

  /** `listener` runs each time a leader has not been heard of for too long. */
  onLost(listener: () => void): void {
    this.#touch.onLost(listener);
  }

  /** Another holds the lease, as far as is known. */
  recorded(record: LeaderRecord): void {
    this.#record = record;
  }

  /** A leader lives. */
  heard(): void {
    this.#touch.heard();
  }

  /** Somebody leads in this epoch: this node (`name`), or whom the record names. */
  ledBy(epoch: number, name: string | undefined = this.#record?.name): void {
    this.#touch.heard();
    if (epoch > this.#epoch) this.#changes++;
    this.#epoch = Math.max(epoch, this.#epoch);
    this.#name = name;
    for (const resolve of this.#untilNext.splice(0)) resolve();
  }

  /** Resolves when somebody is next heard to lead. */
  whenNext(): Promise<void> {
    return new Promise((resolve) => this.#untilNext.push(resolve));
  }
}
