import type { Bytes, Clock, Logger } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { KeyId, KeyIndex, Segments, VersionId } from '../index/index.ts';
import type { HistoryReader } from '../log/index.ts';
import type { CountMemory } from './count-memory.ts';
import type { Budget } from './slices.ts';
import type { State } from './state.ts';

/** What all reading works with. */
export interface ReadParts {
  readonly state: State;
  readonly index: KeyIndex;
  readonly segments: Segments;
  readonly history: HistoryReader;
  readonly budget: Budget;
  readonly counts: CountMemory;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The version of `key` that is live at `revision`, or NONE. */
export function liveAt(index: KeyIndex, key: Bytes, revision: number): VersionId {
  const id: KeyId = index.find(key);
  if (id === NONE) return NONE;
  let version = index.newest(id);
  if (index.revision(version) > revision) version = index.at(id, revision);
  return version === NONE || index.isTombstone(version) ? NONE : version;
}
