/**
 * The flags of etcd 3.6 and 3.7 (server/embed/config.go, server/etcdmain/config.go) that are not settings of Engram, so
 * that a command line written for etcd is understood as a whole.
 */

/** No meaning here: accepted with a warning. These take no value of their own ("--pre-vote", "--pre-vote=false"). */
const IGNORED_BOOLEAN = `
  discovery-insecure-skip-tls-verify discovery-insecure-transport enable-distributed-tracing
  enable-log-rotation enable-pprof experimental-compact-hash-check-enabled experimental-enable-distributed-tracing
  experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist experimental-initial-corrupt-check
  experimental-memory-mlock experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer
  force-new-cluster initial-election-tick-advance memory-mlock pre-vote socket-reuse-address socket-reuse-port
  strict-reconfig-check`;

/** No meaning here: accepted with a warning. These take a value. */
const IGNORED_WITH_VALUE = `
  auth-token auth-token-ttl backend-batch-interval backend-batch-limit backend-bbolt-freelist-type bcrypt-cost
  bootstrap-defrag-threshold-megabytes compact-hash-check-time compaction-batch-limit compaction-sleep-interval
  corrupt-check-time discovery discovery-cacert discovery-cert discovery-dial-timeout discovery-endpoints
  discovery-fallback discovery-keepalive-time discovery-keepalive-timeout discovery-key discovery-password
  discovery-proxy discovery-request-timeout discovery-srv discovery-srv-name discovery-token discovery-user
  distributed-tracing-address distributed-tracing-instance-id distributed-tracing-sampling-rate
  distributed-tracing-service-name downgrade-check-time election-timeout
  experimental-bootstrap-defrag-threshold-megabytes experimental-compact-hash-check-time
  experimental-compaction-batch-limit experimental-compaction-sleep-interval experimental-corrupt-check-time
  experimental-distributed-tracing-address experimental-distributed-tracing-instance-id
  experimental-distributed-tracing-sampling-rate experimental-distributed-tracing-service-name
  experimental-downgrade-check-time experimental-max-learners experimental-snapshot-catchup-entries
  experimental-warning-apply-duration experimental-warning-unary-request-duration feature-gates
  heartbeat-interval
  initial-cluster initial-cluster-state initial-cluster-token
  log-outputs log-rotation-config-json logger max-learners max-snapshots max-wals metrics
  raft-read-timeout raft-write-timeout snapshot-catchup-entries snapshot-count v2-deprecation wal-dir
  warning-apply-duration warning-unary-request-duration`;

/**
 * Which certificates of other members etcd compares with their addresses, which is not done here, and the certificate that
 * etcd's gateway shows to etcd, which are one here: accepted with a warning.
 */
const IGNORED_TLS_BOOLEAN = `experimental-peer-skip-client-san-verification peer-skip-client-san-verification`;
const IGNORED_TLS_WITH_VALUE = `client-cert-file client-key-file`;

export interface ForeignFlag {
  readonly isBoolean: boolean;
}

export const FOREIGN_FLAGS: ReadonlyMap<string, ForeignFlag> = new Map([
  ...entries(IGNORED_BOOLEAN, { isBoolean: true }),
  ...entries(IGNORED_TLS_BOOLEAN, { isBoolean: true }),
  ...entries(IGNORED_WITH_VALUE, { isBoolean: false }),
  ...entries(IGNORED_TLS_WITH_VALUE, { isBoolean: false }),
]);

/** Older names of flags that are settings here. */
export const ALIASES: ReadonlyMap<string, string> = new Map([
  ['experimental-watch-progress-notify-interval', 'watch-progress-notify-interval'],
]);

/** A block of etcd's config file. Inside of it flags have names of their own. */
export interface FileBlock {
  /** Name inside -> flag. */
  readonly keys: ReadonlyMap<string, string>;
  /** All flags that may be inside. */
  readonly flags: ReadonlySet<string>;
}

/** What etcd's config file has in blocks: TLS with clients, and with the other members. Other names are flags as they are. */
export const FILE_BLOCKS: ReadonlyMap<string, FileBlock> = new Map([
  [
    'client-transport-security',
    block(
      [
        ['allowed-cn', 'client-cert-allowed-cn'],
        ['allowed-hostname', 'client-cert-allowed-hostname'],
      ],
      [
        ...['cert-file', 'key-file', 'client-cert-file', 'client-key-file', 'client-cert-auth'],
        ...['trusted-ca-file', 'auto-tls', 'client-cert-allowed-cn', 'client-cert-allowed-hostname'],
      ],
    ),
  ],
  [
    'peer-transport-security',
    block([
      ...['cert-file', 'key-file', 'client-cert-file', 'client-key-file', 'client-cert-auth'].map(peerKey),
      ...['trusted-ca-file', 'auto-tls'].map(peerKey),
      ['allowed-cn', 'peer-cert-allowed-cn'],
      ['allowed-hostname', 'peer-cert-allowed-hostname'],
    ]),
  ],
]);

function block(keys: readonly [string, string][], flags: readonly string[] = []): FileBlock {
  return { keys: new Map(keys), flags: new Set([...flags, ...keys.map(([, flag]) => flag)]) };
}

function peerKey(name: string): [string, string] {
  return [name, `peer-${name}`];
}

function entries(names: string, flag: ForeignFlag): [string, ForeignFlag][] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => [name, flag]);
}
