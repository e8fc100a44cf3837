/** A way in which Engram's answers differ from etcd's on purpose. The run fails on more than ten, or without a reason. */
export interface MeantDifference {
  readonly name: string;
  readonly reason: string;
}

export const MEANT_DIFFERENCES = {
  identity: {
    name: 'cluster_id, member_id and raft_term are masked',
    reason: 'they identify the server that answers',
  },
  batching: {
    name: "how a watcher's events are batched into responses, and their header revision, is not compared",
    reason:
      'a catching-up watcher gets what it has received as header revision, so that clients may resume there; ' +
      'batches follow timing in both servers',
  },
  ties: {
    name: 'the order of keys that are equal in the sort target',
    reason: 'etcd sorts with an unstable sort; Engram keeps such keys in key order',
  },
  remaining: {
    name: 'the remaining TTL of a lease is only compared in sign',
    reason: 'it depends on when the request arrives',
  },
  parser: {
    name: 'the detail text of a message that cannot be parsed',
    reason: "it names the Go parser's position and wording; the code and the text before it are equal",
  },
  keysOnlyLease: {
    name: 'keys_only answers have no lease when compared with etcd 3.6',
    reason: 'etcd 3.7 answers them from its index, without the lease; Engram follows 3.7',
  },
  checkOrder: {
    name: 'key not found and requested lease not found are taken for equal in a Txn, when compared with etcd 3.6',
    reason:
      'a put that breaks both rules is refused for its lease by 3.7 and for its key by 3.6; Engram follows 3.7',
  },
} satisfies Record<string, MeantDifference>;
