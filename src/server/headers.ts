import { headerIdentity, type HeaderMessage, type ResponseHeader } from '../wire/index.ts';

/** Fills response headers, as etcd's `v3rpc/header.go` does. */
export class Headers {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly #identity: Uint8Array;
  readonly #source: { readonly epoch: number; readonly revision: number };

  constructor(
    clusterId: bigint,
    memberId: bigint,
    source: { readonly epoch: number; readonly revision: number },
  ) {
    this.clusterId = clusterId;
    this.memberId = memberId;
    this.#identity = headerIdentity(clusterId, memberId);
    this.#source = source;
  }

  /** For the hand-written codecs. */
  at(revision: number): ResponseHeader {
    return { identity: this.#identity, revision, raftTerm: this.#source.epoch };
  }

  /** At the committed revision. */
  now(): ResponseHeader {
    return this.at(this.#source.revision);
  }

  /** For proto-loader's codecs. */
  message(revision = this.#source.revision): HeaderMessage {
    return { cluster_id: this.clusterId, member_id: this.memberId, revision, raft_term: this.#source.epoch };
  }
}
