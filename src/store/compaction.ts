import type { CompactionRequest } from '../wire/index.ts';
import type { Done, RevisionResult } from './results.ts';
import { ProposingCall } from './write-call.ts';
import type { WriteParts } from './write-parts.ts';
import type { Progress } from './write-queue.ts';

const CALL_BYTES = 64;

/**
 * Compact (etcd-v3.md B.6): what it takes away is unreadable as soon as it is committed. A physical one is answered when
 * the space is given back, too. Its own result.
 */
export class CompactCall extends ProposingCall<RevisionResult> implements RevisionResult {
  readonly #request: CompactionRequest;
  revision = 0;

  constructor(
    parts: WriteParts,
    request: CompactionRequest,
    options: { done: Done<RevisionResult>; whenCleaned: (run: () => void) => void },
  ) {
    const { done, whenCleaned } = options;
    super(parts, CALL_BYTES, (error, result) => {
      if (error === undefined && request.physical) whenCleaned(() => done(error, result));
      else done(error, result);
    });
    this.#request = request;
  }

  run(): Progress {
    const { state, writer } = this.parts;
    if (state.pending.compactions || state.pending.alarms) return 'wait';
    if (state.alarms.corrupt) return this.fail('Corrupt');
    const { revision } = this.#request;
    if (revision <= state.compactedExact) return this.fail('Compacted');
    if (revision > writer.proposedRevision) return this.fail('FutureRev');
    this.revision = writer.proposedRevision;
    const record = { kind: 'compact', revision } as const;
    writer.record(record);
    state.pending.proposed(record);
    return this.seal();
  }

  protected result(): RevisionResult {
    return this;
  }
}
