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
    name: 'the detail text of a message that cannot be parsed, and for etcd 3.6 what cannot be parsed',
    reason:
      "the text names the Go parser's position and wording; 3.6 has another parser than 3.7, which refuses fields of " +
      'the wrong wire type and takes some tags and text that 3.7 refuses; Engram follows 3.7',
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
  compactionHashes: {
    name: 'HashKV at exactly a revision that was compacted since the start of the process',
    reason:
      'etcd answers from a list of its last ten compactions, with the hash from before each. Making it costs a hash of ' +
      'everything at each compaction; and it does not outlive the process: Engram answers always as etcd does after a ' +
      'restart (scenarios restarts)',
  },
  sortedStream: {
    name: 'RangeStream of more than ten keys with a sort target and no sort order',
    reason:
      'etcd sorts each chunk and goes on after its last key, so that keys come twice or never; Engram sorts the whole',
  },
  downgrade: {
    name: 'Downgrade to the minor version before, validated or enabled',
    reason:
      'etcd can then be replaced by that version on its data; Engram has no older format, so it refuses',
  },
} satisfies Record<string, MeantDifference>;
