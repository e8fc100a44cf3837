/** What of etcd's tests is not run on Engram, by name, and why. Whatever is not named here is run. */

export interface LeftOut {
  /** A test by its whole name, or one of its subtests; a regular expression, as Go's `-test.skip` takes it. */
  readonly test: string;
  readonly reason: string;
}

const because = (reason: string, tests: string): LeftOut[] =>
  tests
    .trim()
    .split(/\s+/)
    .map((test) => ({ test, reason }));

export const leftOut: readonly LeftOut[] = [
  ...because(
    'Engram has no users and roles',
    `TestAuth(Enable|Disable|GracefulDisable|Status|RoleUpdate|UserDelete.*|RoleRevoke.*|WriteKey|Txn|PrefixPerm)
     TestAuth(Lease.*|RevokeWithDelete|Member.*|Compact|TestInvalidMgmt|RoleGet|UserGet|RoleList|JWT.*|Alarm)
     TestAuth(RevisionConsistency|TestCacheReload|Cluster) TestAuth_CVE_.* TestUser.* TestRole.* TestRootRole
     Test.+With(No|Invalid|Root|User)Auth TestCtlV3Auth.* TestCtlV3GetAuthStatus TestCtlV3RoleAddTimeout
     TestCurlV3Auth.* TestWatchWithLowPermissionUser`,
  ),
  ...because(
    'a member of Engram joins by being started on a shared store: none is added, removed, changed or a learner',
    `TestMember(Add|Remove) TestMemberReplace.* TestCtlV3MemberListSerializable TestCtlV3Member(Add|Update|Promote).*
     TestCtlV3ConsistentMemberList TestRuntimeReconfig.* TestV3Learner.* TestReproduce20340 TestForceNewCluster.*
     TestCurlV3ClusterOperations TestClusterUpgradeAfterPromotingMembers TestGrpcProxyAutoSync`,
  ),
  ...because(
    'it is about several members, which need a TiKV: see npm run test:cluster',
    `TestEndpointHashKV TestVerifyHashKVAfter.* TestKVGetNoQuorum TestWaitLeader_MemberStop TestGracefulShutdown
     TestEtcdHealthyWithTinySnapshotCatchupEntries TestCtlV3MoveLeaderScenarios TestFailoverOnDefrag
     TestTxnRangeConsistency TestLeaseRevoke_.* TestEtcdMultiPeer TestEtcdPeer.* TestRecoverSnapshotBackend
     TestHTTPHealthHandler/(network_partitioned|overloaded_server_slow_apply)
     TestHTTPLivezReadyzHandler/(network_partitioned|overloaded_server_slow_apply|corrupt)
     TestNoErrorLogsDuringNormalOperations/three_node.* TestConnectionRejectMessage/reject_peer_connection`,
  ),
  ...because(
    'Engram has no snapshots and no files of bbolt',
    `TestCtlV3Snapshot.* TestIssue6361 TestRestoreCompactionRevBump TestBreakConsistentIndexNewerThanSnapshot
     TestCurlV3MaintenanceSnapshot TestCtlV3DefragOffline TestEtctlutlMigrate TestEtcdCorruptHash TestInPlaceRecovery
     TestPeriodicCheckDetectsCorruption TestCompactHashCheckDetectCorruption.* TestV2Deprecation.* TestSnapDB.*
     TestIssue20271`,
  ),
  ...because(
    'it is about several versions of etcd, or about going back to an older one',
    `TestDowngrade.* TestMixVersions.* TestReleaseUpgrade.* TestCurlV3MaintenanceDowngrade`,
  ),
  ...because(
    'Engram has no v3lock and no v3election service (etcdctl lock and elect need none)',
    `TestCurlV3(Campaign|Proclaim|Resign|Election|Lock).*`,
  ),
  ...because('Engram has no discovery of members', `Test(TLS)?ClusterOf\\dUsingV3Discovery_.*`),
  ...because(
    'it needs an etcd with failpoints compiled in',
    `TestReproduce17780 TestReproduce19406 TestLeaseRevokeDuringRenew TestResumeCompactionOnTombstone
     Test(HTTPHealthHandler|HTTPLivezReadyzHandler)/(raft_loop_deadlock|slow_buffer_write_back_with_auth_enabled)`,
  ),
  ...because(
    "it waits for etcd's words in the log on what is etcd's alone (raft's snapshots, bbolt, Go's HTTP/2, deprecated flags)",
    `TestBootstrapDefragFlag TestSnapshotCatchupEntriesFlag TestWarningApplyDuration TestEtcdDeprecatedFlags
     TestServerJsonLogging TestAuthority`,
  ),
  ...because(
    'Engram refuses it too, and names the flags in its own words',
    `TestEtcdListenMetricsURLsWithMissingClientTLSInfo`,
  ),
  ...because(
    "it compares the ids of etcd's members, which are digests of names; Engram's are random",
    `TestCtlV3GetFormat`,
  ),
  ...because("the list has metrics of Go, raft, bbolt and etcd's proxy", `TestNoMetricsMissing`),
  ...because("it starts nothing but etcd's own proxy", `TestGrpcproxyAnd.*`),
  ...because(
    'it allows 150 ms beside a load that takes two cores: Engram passed it while nothing else ran, and only then; etcd seldom',
    `TestWatchDelayFor.*`,
  ),
  ...because(
    'it does not pass on etcd either: it wants a file of its repository, or leaves a reader of its own behind',
    `TestEtcdExampleConfig TestEtcdUnixPeers`,
  ),
];

/** Those of the short form: of each family, what is quick. */
const SHORT = new RegExp(
  `^Test(${[
    'Alarm|AlarmlistOnMemberRestart|Compact|DefragOnline|EndpointStatus|EndpointHealth|Status|MemberList',
    'KVPut|KVGet|KVGetStream|KVDelete|TxnSucc|TxnFail|Watch',
    'LeaseGrantTimeToLive|LeaseGrantAndList|LeaseGrantKeepAliveOnce|LeaseGrantRevoke',
    'CtlV3Get(Rev|MinMaxCreateModRev|KeysOnly|CountOnly|Timeout|RevokedCRL)|CtlV3Put(IgnoreValue|IgnoreLease)',
    'CtlV3LeaseKeepAlive|CtlV3MakeMirror|CtlV3Watch|CtlV3WatchInteractiveClientTLS|CtlV3Lock|CtlV3Elect',
    'CurlV3KV.*|CurlV3Lease.*|CurlV3Watch|CurlWatchIssue19509|CurlV3Maintenance(AlarmMissiongAlarm|Status|HashKV)',
    'CurlV3CipherSuites.*|CurlV3_MaxStreams_(Below|Reach)Limit_(No)?TLS_Small|ConnectionMultiplexing',
    'DefragNoSpace|DeleteEventDrop_Issue18089|EtcdTLSVersion|EtcdAdvertiseClientUnix|Gateway|ConnectionRejectMessage',
    'HTTPHealthHandler|HTTPLivezReadyzHandler|V3MetricsInsecure|NoErrorLogsDuringNormalOperations',
  ].join('|')})$`,
);

export const isShort = (test: string): boolean => SHORT.test(test);

/** Why a test as a whole is left out; undefined if it is run. */
export function reasonFor(test: string): string | undefined {
  return leftOut.find((one) => !one.test.includes('/') && new RegExp(`^${one.test}$`).test(test))?.reason;
}

/** The subtests of a test that are left out. */
export function subtestsLeftOut(test: string): readonly LeftOut[] {
  return leftOut.filter((one) => {
    const [whole, rest] = one.test.split(/\/(.*)/s);
    return rest !== undefined && new RegExp(`^${whole}$`).test(test);
  });
}
