import type { Random } from '../../base/index.ts';

/** What happens to one commit. All delays in milliseconds; requests whose delays differ may overtake one another. */
export type CommitFate =
  /** It gets there after `delayMs`, and the answer is back after `answerMs` more. */
  | { readonly kind: 'answered'; readonly delayMs: number; readonly answerMs: number }
  /** Rejected with an `EngineError` `unavailable`: it never got there. */
  | { readonly kind: 'refused'; readonly delayMs: number }
  /** Answered `uncertain` after `answerMs`, whatever becomes of it. */
  | { readonly kind: 'uncertain'; readonly answerMs: number; readonly landing: Landing };

/** When an uncertain commit takes effect, if its conditions hold at that instant. */
export type Landing =
  | { readonly when: 'at once' }
  | { readonly when: 'later'; readonly delayMs: number }
  /** Right after so many other commits of the same store have landed. */
  | { readonly when: 'after others'; readonly commits: number }
  | { readonly when: 'never' };

/** What happens to taking a snapshot, and to each read of one. */
export type ReadFate =
  | { readonly kind: 'answered'; readonly delayMs: number }
  | { readonly kind: 'refused'; readonly delayMs: number };

/** Asked once for each call, in the order of the calls; draws from `random` alone, so that a seed is a history. */
export interface FaultPlan {
  commit(random: Random, caller: string): CommitFate;
  read(random: Random, caller: string): ReadFate;
}

const PROMPT: CommitFate = { kind: 'answered', delayMs: 0, answerMs: 0 };
const PROMPT_READ: ReadFate = { kind: 'answered', delayMs: 0 };

/** Nothing goes wrong and nothing is delayed. */
export const NO_FAULTS: FaultPlan = { commit: () => PROMPT, read: () => PROMPT_READ };

/** Probabilities from 0 to 1, times in milliseconds. */
export interface FaultRates {
  /** A commit is answered `uncertain`. */
  readonly uncertain: number;
  /** Of the uncertain ones, those that never land; the others land at once, later, or after others, in equal parts. */
  readonly lost: number;
  /** A commit is refused. */
  readonly refused: number;
  /** A snapshot or a read is refused. */
  readonly readRefused: number;
  /** A request takes from `delayMsMin` to `delayMsMax` either way; but `tail` of them up to `tailMsMax`. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly tail: number;
  readonly tailMsMax: number;
  /** How late an uncertain commit may land. Longer than any lease in some runs, or real bugs stay hidden. */
  readonly lateMsMax: number;
  /** After how many others an uncertain commit may land. */
  readonly lateCommitsMax: number;
}

/** A plan that draws every fate by `rates`. */
export function randomFaults(rates: FaultRates): FaultPlan {
  return {
    commit: (random) => {
      const delayMs = drawDelayMs(random, rates);
      const answerMs = drawDelayMs(random, rates);
      const chance = random.next();
      if (chance < rates.refused) return { kind: 'refused', delayMs };
      if (chance >= rates.refused + rates.uncertain) return { kind: 'answered', delayMs, answerMs };
      return { kind: 'uncertain', answerMs: delayMs + answerMs, landing: drawLanding(random, rates) };
    },
    read: (random) => {
      const delayMs = drawDelayMs(random, rates);
      return { kind: random.next() < rates.readRefused ? 'refused' : 'answered', delayMs };
    },
  };
}

function drawLanding(random: Random, rates: FaultRates): Landing {
  if (random.next() < rates.lost) return { when: 'never' };
  const which = random.next() * 3;
  if (which < 1) return { when: 'at once' };
  // Cubed: mostly soon, seldom very late.
  const lateness = random.next() ** 3;
  if (which < 2) return { when: 'later', delayMs: lateness * rates.lateMsMax };
  return { when: 'after others', commits: 1 + Math.floor(lateness * rates.lateCommitsMax) };
}

function drawDelayMs(random: Random, rates: FaultRates): number {
  if (random.next() < rates.tail) return random.next() ** 2 * rates.tailMsMax;
  return rates.delayMsMin + random.next() * (rates.delayMsMax - rates.delayMsMin);
}
