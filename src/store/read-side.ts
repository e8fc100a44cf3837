import type { Clock, Logger, Scheduler } from '../base/index.ts';
import { CountMemory } from './count-memory.ts';
import { Holds } from './holds.ts';
import type { StoreLimits } from './limits.ts';
import type { OpenLog } from './open.ts';
import { Pins } from './pins.ts';
import { Reader } from './reader.ts';
import { Slices } from './slices.ts';
import type { ReadParts } from './view.ts';

export interface ReadSideOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly log: OpenLog;
  readonly limits: StoreLimits;
  /** A walk that had pinned this revision has ended: trimming may go on. */
  readonly released: (revision: number) => void;
}

/** What reading is made of, put together; the leader's part of the store uses it too. */
export class ReadSide {
  readonly slices: Slices;
  readonly pins: Pins;
  readonly holds: Holds;
  readonly parts: ReadParts;
  readonly reader: Reader;

  constructor({ clock, scheduler, logger, log, limits, released }: ReadSideOptions) {
    const { state, history } = log;
    const { index, segments } = state;
    this.slices = new Slices({ clock, scheduler, logger, unitsMax: limits.sliceUnitsMax });
    this.pins = new Pins({ index, clock, limits, released });
    this.holds = new Holds({ clock, segments, limits });
    const { slices, pins, holds } = this;
    const counts = new CountMemory(limits.countsRememberedMax);
    this.parts = { state, index, segments, history, counts, budget: slices.budget, clock, logger };
    this.reader = new Reader({ parts: this.parts, slices, scheduler, pins, holds, limits });
  }
}
