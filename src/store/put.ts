import type { Bytes } from '../base/index.ts';
import { NONE } from '../index/index.ts';
import type { PutRequest } from '../wire/index.ts';
import { bodyOf, proposePut } from './changes.ts';
import { hasLeaseRoom } from './lease-room.ts';
import { putCost } from './quota.ts';
import type { Done, PutResult } from './results.ts';
import { ProposingCall } from './write-call.ts';
import type { WriteParts } from './write-parts.ts';
import type { Progress } from './write-queue.ts';

/** A put by itself (etcd-v3.md B.5). It is its own result. */
export class PutCall extends ProposingCall<PutResult> implements PutResult {
  readonly #request: PutRequest;
  revision = 0;
  prevKv: Bytes | undefined = undefined;

  constructor(parts: WriteParts, request: PutRequest, bytes: number, done: Done<PutResult>) {
    super(parts, bytes, done);
    this.#request = request;
  }

  run(): Progress {
    const request = this.#request;
    const { state, writer, quota } = this.parts;
    if (state.pending.alarms) return 'wait';
    if (state.alarms.corrupt) return this.fail('Corrupt');
    if (state.alarms.noSpace || !quota.admits(putCost(request.key, request.value)))
      return this.fail('NoSpace');
    if (request.lease !== 0n) {
      if (state.pending.lease(request.lease)) return 'wait';
      if (state.leases.get(request.lease) === undefined) return this.fail('LeaseNotFound');
      if (!hasLeaseRoom(this.parts, request)) return this.fail('LeaseFull');
    }
    if (request.prevKv || request.ignoreValue || request.ignoreLease) {
      const previous = state.live(request.key);
      if (previous !== NONE) {
        if (request.prevKv) this.prevKv = bodyOf(this.parts, previous);
      } else if (request.ignoreValue || request.ignoreLease) return this.fail('KeyNotFound');
    }
    this.revision = writer.proposedRevision + 1;
    proposePut(this.parts, request, this.revision, 0);
    return this.seal();
  }

  protected result(): PutResult {
    return this;
  }
}
