import type { MembersRecord } from './members-record.ts';

interface Heard {
  readonly counter: number;
  readonly silentMs: number;
}

/**
 * How long each member's counter has not changed, as one reader saw it by its own clock. Only time during which the
 * record could be read counts: while the store does not answer nobody can beat, and nobody is dead for that.
 */
export class MemberSilence {
  /** Between two readings so much silence counts at most. */
  readonly #gapMsMax: number;
  #heard = new Map<string, Heard>();
  #readMs = Infinity;

  constructor(gapMsMax: number) {
    this.#gapMsMax = gapMsMax;
  }

  /** The record was `members` at some instant before `nowMs`. */
  read(members: MembersRecord['members'], nowMs: number): void {
    const gapMs = Math.min(this.#gapMsMax, Math.max(0, nowMs - this.#readMs));
    this.#readMs = nowMs;
    const heard = new Map<string, Heard>();
    for (const { incarnation, counter } of members) {
      const before = this.#heard.get(incarnation);
      const silentMs = before?.counter === counter ? before.silentMs + gapMs : 0;
      heard.set(incarnation, { counter, silentMs });
    }
    this.#heard = heard;
  }

  /** 0 for one that has never been seen. */
  ofMs(incarnation: string): number {
    return this.#heard.get(incarnation)?.silentMs ?? 0;
  }
}
