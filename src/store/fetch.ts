import type { Bytes } from '../base/index.ts';
import type { VersionId } from '../index/index.ts';
import { LogError } from '../log/index.ts';
import type { StoreErrorCode } from './errors.ts';
import type { ReadParts } from './view.ts';

/** Superseded bodies read back from the engine at the same time, by one call. */
const FETCHES_MAX = 32;

export interface Fetched {
  /** Never rejects. */
  readonly ready: Promise<void>;
  /** The versions, in order. More may have lost their place in memory meanwhile. */
  readonly ids: readonly VersionId[];
  /** Their bodies, once ready. */
  found: Bytes[];
  failed: StoreErrorCode | undefined;
}

/** Reads back the bodies of the first of `ids[from..to)` that are `needed`. */
export function fetchBodies(
  parts: ReadParts,
  ids: Uint32Array,
  from: number,
  to: number,
  needed: (id: VersionId) => boolean,
): Fetched {
  const reads: Promise<Bytes | 'compacted'>[] = [];
  const wanted: VersionId[] = [];
  for (let i = from; i < to && reads.length < FETCHES_MAX; i++) {
    const id = ids[i]!;
    if (!needed(id)) continue;
    wanted.push(id);
    reads.push(parts.history.body(parts.index.revision(id), parts.index.sub(id)));
  }
  const fetched: Fetched = {
    ids: wanted,
    found: [],
    failed: undefined,
    ready: Promise.all(reads).then(
      (bodies) => {
        for (const body of bodies) {
          if (body === 'compacted') fetched.failed = 'Compacted';
          else fetched.found.push(body);
        }
      },
      (error: unknown) => {
        fetched.failed = codeOfFault(error);
        if (fetched.failed !== 'Compacted')
          parts.logger.error('history cannot be read', { error: String(error) });
      },
    ),
  };
  return fetched;
}

/** What a client is told when history cannot be read: a damaged log, or an engine that does not answer. */
function codeOfFault(error: unknown): StoreErrorCode {
  if (!(error instanceof LogError)) return 'Timeout';
  if (error.code === 'log-compacted') return 'Compacted';
  return error.code === 'log-stopped' ? 'Stopped' : 'Corrupt';
}
