/** What messages of several services are made of, as proto-loader reads and writes them (cold-messages.ts). */

/** A message without fields. */
export type EmptyMessage = Record<string, never>;

export interface HeaderOnlyResponse {
  header: HeaderMessage | null;
}

export interface KeyValueMessage {
  key: Buffer;
  create_revision: number;
  mod_revision: number;
  version: number;
  value: Buffer;
  lease: bigint;
}

export interface EventMessage {
  type: number;
  kv: KeyValueMessage | null;
  prev_kv: KeyValueMessage | null;
}

export interface HeaderMessage {
  cluster_id: bigint;
  member_id: bigint;
  revision: number;
  raft_term: number;
}
