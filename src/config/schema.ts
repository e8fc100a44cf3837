import {
  addresses,
  boolean,
  bytes,
  choice,
  durationMs,
  identifier,
  integer,
  list,
  optionalChoice,
  origins,
  path,
  text,
  urls,
  type ValueType,
} from './values.ts';

/** One setting. Its environment variable is `ENGRAM_` and the flag in capitals with underscores. */
export interface SettingRow<T, D extends string | undefined = string | undefined> {
  /** Without dashes; also the key in the config file. */
  readonly flag: string;
  readonly type: ValueType<T>;
  /** The text of the default, parsed like a given one; undefined when there is none, or it is found at start. */
  readonly default: D;
  /** How the help shows a default that is found at start. */
  readonly defaultShown?: string;
  readonly doc: string;
}

function row<T, D extends string | undefined>(definition: SettingRow<T, D>): SettingRow<T, D> {
  return definition;
}

/** etcd's port for its members among one another. */
export const DEFAULT_PEER_URL = 'http://localhost:2380';

const GIB = 2 ** 30;
const DAY_MS = 24 * 3_600_000;
/** Of quiet watchers. */
const PROGRESS_INTERVAL = '10m';
const YEAR_MS = 365 * DAY_MS;

/** Every setting there is. Flags that etcd has too mean what they mean there. */
export const SCHEMA = {
  configFile: row({
    flag: 'config-file',
    type: text,
    default: undefined,
    doc: 'YAML or JSON file with the same keys as the flags. Flags and variables win over it.',
  }),
  name: row({
    flag: 'name',
    type: text,
    default: 'default',
    doc: 'Name of this member. The member id is derived from it.',
  }),
  engine: row({
    flag: 'engine',
    type: choice('level', 'memory', 'tikv'),
    default: 'level',
    doc: 'Where data is stored: level (LevelDB in --data-dir), tikv (a TiKV cluster, see --tikv-pd) or memory (nothing survives the process).',
  }),
  dataDir: row({
    flag: 'data-dir',
    type: text,
    default: 'engram-data',
    doc: 'Directory of the level engine. One server at a time can use it. Certificates of --auto-tls and --peer-auto-tls are kept here too.',
  }),
  tikvPd: row({
    flag: 'tikv-pd',
    type: addresses,
    default: '',
    doc: 'Placement drivers of the TiKV cluster of the tikv engine, as in pd-1:2379,pd-2:2379. One that answers is enough.',
  }),
  tikvCacert: row({
    flag: 'tikv-cacert',
    type: path,
    default: '',
    doc: 'Authorities of the certificates of TiKV and its placement drivers. If given, both are spoken to over TLS.',
  }),
  tikvCert: row({
    flag: 'tikv-cert',
    type: path,
    default: '',
    doc: 'The certificate that is shown to TiKV and its placement drivers. Needs --tikv-cacert.',
  }),
  tikvKey: row({
    flag: 'tikv-key',
    type: path,
    default: '',
    doc: 'The key of --tikv-cert.',
  }),
  tikvGc: row({
    flag: 'tikv-gc',
    type: choice('auto', 'off'),
    default: 'auto',
    doc: 'Who lets TiKV collect old versions: auto (this server while it leads) or off (somebody else, as where TiDB shares the store).',
  }),
  keyspace: row({
    flag: 'keyspace',
    type: identifier,
    default: 'default',
    doc: 'Name of the log in the engine; its keys start with engram/NAME/.',
  }),
  listenClientUrls: row({
    flag: 'listen-client-urls',
    type: urls,
    default: 'http://127.0.0.1:2379',
    doc: 'Where clients are served. Port 0 lets the system choose; unix:///path is a socket.',
  }),
  listenClientHttpUrls: row({
    flag: 'listen-client-http-urls',
    type: urls,
    default: undefined,
    defaultShown: 'what --listen-client-urls says',
    doc: 'Where clients are served over HTTP other than gRPC. If given, --listen-client-urls serve gRPC alone.',
  }),
  advertiseClientUrls: row({
    flag: 'advertise-client-urls',
    type: urls,
    default: undefined,
    defaultShown: 'what is listened on',
    doc: 'What MemberList tells clients to connect to.',
  }),
  listenPeerUrls: row({
    flag: 'listen-peer-urls',
    type: urls,
    default: undefined,
    defaultShown: DEFAULT_PEER_URL,
    doc: 'Where the other servers of a cluster are served. Only used with an engine that several servers share.',
  }),
  initialAdvertisePeerUrls: row({
    flag: 'initial-advertise-peer-urls',
    type: urls,
    default: undefined,
    defaultShown: 'what is listened on',
    doc: 'What the other servers connect to, and MemberList shows.',
  }),
  leaderLease: row({
    flag: 'leader-lease',
    type: durationMs({ min: 200, max: 60_000 }),
    default: '800ms',
    doc: 'For how long a leader leads without renewing. Others take over a little later when it fails, and when it only pauses.',
  }),
  linearizableReads: row({
    flag: 'linearizable-reads',
    type: choice('lease', 'engine'),
    default: 'lease',
    doc: 'What confirms linearizable reads: the leader lease, which needs clocks that run equally fast within 10 %, or a read of the engine.',
  }),
  listenMetricsUrls: row({
    flag: 'listen-metrics-urls',
    type: urls,
    default: undefined,
    defaultShown: 'http://127.0.0.1:2381, if free',
    doc: 'Where /metrics, /health, /livez and /readyz are served besides the client port.',
  }),
  certFile: row({
    flag: 'cert-file',
    type: path,
    default: '',
    doc: "The server's certificate, and those of its issuers after it, for https:// URLs. Read again when it changes.",
  }),
  keyFile: row({
    flag: 'key-file',
    type: path,
    default: '',
    doc: 'The key of --cert-file.',
  }),
  trustedCaFile: row({
    flag: 'trusted-ca-file',
    type: path,
    default: '',
    doc: 'Authorities of client certificates. If given, a client needs one to be served.',
  }),
  clientCertAuth: row({
    flag: 'client-cert-auth',
    type: boolean,
    default: 'false',
    doc: 'Clients need a certificate of --trusted-ca-file. It alone says the same.',
  }),
  clientCrlFile: row({
    flag: 'client-crl-file',
    type: path,
    default: '',
    doc: 'List of revoked client certificates, in DER or PEM.',
  }),
  clientCertAllowedHostname: row({
    flag: 'client-cert-allowed-hostname',
    type: list,
    default: '',
    doc: 'Host names or addresses of which a client certificate must have one. Empty: any will do.',
  }),
  clientCertAllowedCn: row({
    flag: 'client-cert-allowed-cn',
    type: list,
    default: '',
    doc: 'Common names of which a client certificate must have one. Empty: any will do.',
  }),
  peerCertFile: row({
    flag: 'peer-cert-file',
    type: path,
    default: '',
    doc: 'The certificate, and those of its issuers after it, that is shown to other servers of the cluster. Read again when it changes.',
  }),
  peerKeyFile: row({
    flag: 'peer-key-file',
    type: path,
    default: '',
    doc: 'The key of --peer-cert-file.',
  }),
  peerClientCertFile: row({
    flag: 'peer-client-cert-file',
    type: path,
    default: '',
    doc: 'The certificate that is shown to servers which this one connects to, if it is not --peer-cert-file.',
  }),
  peerClientKeyFile: row({
    flag: 'peer-client-key-file',
    type: path,
    default: '',
    doc: 'The key of --peer-client-cert-file.',
  }),
  peerTrustedCaFile: row({
    flag: 'peer-trusted-ca-file',
    type: path,
    default: '',
    doc: 'Authorities of the certificates of other servers. If given, who connects to the peer port needs one.',
  }),
  peerClientCertAuth: row({
    flag: 'peer-client-cert-auth',
    type: boolean,
    default: 'false',
    doc: 'Other servers need a certificate of --peer-trusted-ca-file. It alone says the same.',
  }),
  peerCrlFile: row({
    flag: 'peer-crl-file',
    type: path,
    default: '',
    doc: 'List of revoked certificates of other servers, in DER or PEM.',
  }),
  peerCertAllowedHostname: row({
    flag: 'peer-cert-allowed-hostname',
    type: list,
    default: '',
    doc: 'Host names or addresses of which the certificate of another server must have one. Empty: any will do.',
  }),
  peerCertAllowedCn: row({
    flag: 'peer-cert-allowed-cn',
    type: list,
    default: '',
    doc: 'Common names of which the certificate of another server must have one. Empty: any will do.',
  }),
  peerAutoTls: row({
    flag: 'peer-auto-tls',
    type: boolean,
    default: 'false',
    doc: 'Without --peer-cert-file: make a certificate that signs itself, in fixtures/peer of --data-dir. Nobody is verified.',
  }),
  cipherSuites: row({
    flag: 'cipher-suites',
    type: list,
    default: '',
    doc: "Cipher suites of TLS 1.2 that may be used, by Go's names. Empty: those that OpenSSL chooses.",
  }),
  tlsMinVersion: row({
    flag: 'tls-min-version',
    type: optionalChoice('TLS1.2', 'TLS1.3'),
    default: 'TLS1.2',
    doc: 'Oldest version of TLS that is served.',
  }),
  tlsMaxVersion: row({
    flag: 'tls-max-version',
    type: optionalChoice('TLS1.2', 'TLS1.3'),
    default: '',
    doc: 'Newest version of TLS that is served. Empty: the newest there is.',
  }),
  autoTls: row({
    flag: 'auto-tls',
    type: boolean,
    default: 'false',
    doc: 'Without --cert-file: make a certificate that signs itself, in fixtures/client of --data-dir.',
  }),
  selfSignedCertValidity: row({
    flag: 'self-signed-cert-validity',
    type: integer({ min: 1, max: 1000 }),
    default: '1',
    doc: 'Years for which a certificate of --auto-tls or --peer-auto-tls is valid. When they are over, the next start makes another.',
  }),
  grpcKeepaliveMinTime: row({
    flag: 'grpc-keepalive-min-time',
    type: durationMs({ min: 0, max: YEAR_MS }),
    default: '5s',
    doc: 'A client that pings more often than this is told to go away. 0: 5 minutes, as in etcd.',
  }),
  grpcKeepaliveInterval: row({
    flag: 'grpc-keepalive-interval',
    type: durationMs({ min: 0, max: YEAR_MS }),
    default: '2h',
    doc: 'A client that says nothing for this long is pinged. 0: the default, as in etcd.',
  }),
  grpcKeepaliveTimeout: row({
    flag: 'grpc-keepalive-timeout',
    type: durationMs({ min: 0, max: YEAR_MS }),
    default: '20s',
    doc: 'How long the answer to such a ping may take before the connection is closed. 0: the default, as in etcd.',
  }),
  enableGrpcGateway: row({
    flag: 'enable-grpc-gateway',
    type: boolean,
    default: 'true',
    doc: 'Serve the JSON API below /v3/ on the client port.',
  }),
  cors: row({
    flag: 'cors',
    type: origins,
    default: '*',
    doc: 'Origins whose web pages may read what the client port answers over HTTP. Empty or *: all.',
  }),
  hostWhitelist: row({
    flag: 'host-whitelist',
    type: list,
    default: '*',
    doc: 'Host names that HTTP requests without TLS may use, against DNS rebinding. Empty or *: all.',
  }),
  quotaBackendBytes: row({
    flag: 'quota-backend-bytes',
    type: bytes({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    default: '0',
    defaultShown: 'half of the smaller of memory and its limit',
    doc: 'Bytes of live data and history above which writes are refused with NOSPACE. 0: the default; negative: none.',
  }),
  maxRequestBytes: row({
    flag: 'max-request-bytes',
    type: bytes({ min: 1, max: GIB }),
    default: '1572864',
    doc: 'Largest request. A little more may arrive in one message (512 KiB).',
  }),
  maxTxnOps: row({
    flag: 'max-txn-ops',
    type: integer({ min: 1, max: 1_000_000 }),
    default: '128',
    doc: 'Operations of one transaction at most.',
  }),
  maxConcurrentStreams: row({
    flag: 'max-concurrent-streams',
    type: integer({ min: 1, max: 2 ** 32 - 1 }),
    default: '16384',
    doc: 'Calls open at a time on one connection at most.',
  }),
  maxWatchersPerStream: row({
    flag: 'max-watchers-per-stream',
    type: integer({ min: 1, max: 10_000_000 }),
    default: '100000',
    doc: 'Watchers on one stream at most.',
  }),
  autoCompactionMode: row({
    flag: 'auto-compaction-mode',
    type: choice('periodic', 'revision'),
    default: 'periodic',
    doc: 'How --auto-compaction-retention is meant: a time, or a number of revisions.',
  }),
  autoCompactionRetention: row({
    flag: 'auto-compaction-retention',
    type: text,
    default: '0',
    doc: 'History to keep: a duration (hours without a unit) or a number of revisions. 0: no automatic compaction.',
  }),
  watchProgressNotifyInterval: row({
    flag: 'watch-progress-notify-interval',
    type: durationMs({ min: 100, max: DAY_MS, ofZero: PROGRESS_INTERVAL }),
    default: PROGRESS_INTERVAL,
    doc: 'How often a quiet watcher that asked for it is told how far it is. At least 100ms; 0: the default, as in etcd.',
  }),
  unsafeNoFsync: row({
    flag: 'unsafe-no-fsync',
    type: boolean,
    default: 'false',
    doc: 'Do not sync writes to disk. Acknowledged writes are lost when the machine fails.',
  }),
  logLevel: row({
    flag: 'log-level',
    type: choice('debug', 'info', 'warn', 'error', 'panic', 'fatal'),
    default: 'info',
    doc: 'Least severe messages to log.',
  }),
  logFormat: row({
    flag: 'log-format',
    type: choice('json', 'console'),
    default: undefined,
    defaultShown: 'console on a terminal, else json',
    doc: 'Form of log lines.',
  }),
} as const;

export type SettingName = keyof typeof SCHEMA;

type Parsed<R> = R extends SettingRow<infer T, infer D> ? (D extends string ? T : T | undefined) : never;

/** The value of every setting; undefined where none was given and there is no default. */
export type Values = { readonly [K in SettingName]: Parsed<(typeof SCHEMA)[K]> };

export function environmentName(flag: string): string {
  return `ENGRAM_${flag.toUpperCase().replaceAll('-', '_')}`;
}
