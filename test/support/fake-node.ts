import type { ClusterMember, ClusterNodeApi, ForwardedAnswer } from '../../src/cluster/index.ts';
import type { StoreErrorCode } from '../../src/store/index.ts';

/** A node of a cluster as its services see it. A test decides what it is and answers what it is asked. */
export class FakeNode implements ClusterNodeApi {
  memberId = 1n;
  clusterId = 9n;
  leads = true;
  leaderChanges = 1;
  leaderId = 1n;
  all: ClusterMember[] = [{ id: 1n, name: 'n1', peerUrls: [], clientUrls: ['http://127.0.0.1:2379'] }];
  /** What was forwarded and not answered yet, oldest first. */
  readonly forwarded: {
    readonly method: string;
    readonly request: Uint8Array;
    readonly done: (answer: ForwardedAnswer) => void;
  }[] = [];
  readonly moves: {
    readonly target: bigint;
    readonly done: (refusal: StoreErrorCode | undefined) => void;
  }[] = [];
  readonly #lost: (() => void)[] = [];

  hasLeader(): boolean {
    return this.leaderId !== 0n;
  }

  onLeaderLost(listener: () => void): void {
    this.#lost.push(listener);
  }

  members(): readonly ClusterMember[] {
    return this.all;
  }

  forward(method: string, request: Uint8Array, done: (answer: ForwardedAnswer) => void): void {
    this.forwarded.push({ method, request, done });
  }

  moveLeader(target: bigint, done: (refusal: StoreErrorCode | undefined) => void): void {
    this.moves.push({ target, done });
  }

  loseLeader(): void {
    this.leads = false;
    this.leaderId = 0n;
    for (const listener of this.#lost) listener();
  }
}
