/** The numbers of gRPC's status codes that etcd's errors carry. */
export const GrpcCode = {
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const {
  canceled,
  unknown,
  invalidArgument,
  deadlineExceeded,
  notFound,
  permissionDenied,
  resourceExhausted,
  failedPrecondition,
  outOfRange,
  unimplemented,
  unavailable,
  dataLoss,
  unauthenticated,
} = GrpcCode;

/**
 * Every error of etcd 3.7, by the name of its Go variable without `Err`, and one of our own: gRPC code and exact text. Clients compare the
 * texts, and once a text matches also the code (etcd-v3.md A.3), so both are part of the protocol.
 *
 * TooManyRequests and MemberNotEnoughStarted leave etcd as `Unknown`, because its map of errors holds the client's
 * values for these two instead of gRPC statuses (A.3, quirk 1).
 */
export const STORE_ERRORS = {
  EmptyKey: [invalidArgument, 'etcdserver: key is not provided'],
  KeyNotFound: [invalidArgument, 'etcdserver: key not found'],
  ValueProvided: [invalidArgument, 'etcdserver: value is provided'],
  LeaseProvided: [invalidArgument, 'etcdserver: lease is provided'],
  TooManyOps: [invalidArgument, 'etcdserver: too many operations in txn request'],
  DuplicateKey: [invalidArgument, 'etcdserver: duplicate key given in txn request'],
  InvalidClientAPIVersion: [invalidArgument, 'etcdserver: invalid client api version'],
  InvalidSortOption: [invalidArgument, 'etcdserver: invalid sort option'],
  Compacted: [outOfRange, 'etcdserver: mvcc: required revision has been compacted'],
  FutureRev: [outOfRange, 'etcdserver: mvcc: required revision is a future revision'],
  NoSpace: [resourceExhausted, 'etcdserver: mvcc: database space exceeded'],
  LeaseNotFound: [notFound, 'etcdserver: requested lease not found'],
  LeaseExist: [failedPrecondition, 'etcdserver: lease already exists'],
  LeaseTTLTooLarge: [outOfRange, 'etcdserver: too large lease TTL'],
  WatchCanceled: [canceled, 'etcdserver: watch canceled'],
  MemberExist: [failedPrecondition, 'etcdserver: member ID already exist'],
  PeerURLExist: [failedPrecondition, 'etcdserver: Peer URLs already exists'],
  MemberNotEnoughStarted: [unknown, 'etcdserver: re-configuration failed due to not enough started members'],
  MemberBadURLs: [invalidArgument, 'etcdserver: given member URLs are invalid'],
  MemberNotFound: [notFound, 'etcdserver: member not found'],
  MemberNotLearner: [failedPrecondition, 'etcdserver: can only promote a learner member'],
  LearnerNotReady: [
    failedPrecondition,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ],
  TooManyLearners: [failedPrecondition, 'etcdserver: too many learner members in cluster'],
  ClusterIDMismatch: [failedPrecondition, 'etcdserver: cluster ID mismatch'],
  RequestTooLarge: [invalidArgument, 'etcdserver: request is too large'],
  TooManyRequests: [unknown, 'etcdserver: too many requests'],
  RootUserNotExist: [failedPrecondition, 'etcdserver: root user does not exist'],
  RootRoleNotExist: [failedPrecondition, 'etcdserver: root user does not have root role'],
  UserAlreadyExist: [failedPrecondition, 'etcdserver: user name already exists'],
  UserEmpty: [invalidArgument, 'etcdserver: user name is empty'],
  UserNotFound: [failedPrecondition, 'etcdserver: user name not found'],
  RoleAlreadyExist: [failedPrecondition, 'etcdserver: role name already exists'],
  RoleNotFound: [failedPrecondition, 'etcdserver: role name not found'],
  RoleEmpty: [invalidArgument, 'etcdserver: role name is empty'],
  AuthFailed: [invalidArgument, 'etcdserver: authentication failed, invalid user ID or password'],
  PermissionNotGiven: [invalidArgument, 'etcdserver: permission not given'],
  PermissionDenied: [permissionDenied, 'etcdserver: permission denied'],
  RoleNotGranted: [failedPrecondition, 'etcdserver: role is not granted to the user'],
  PermissionNotGranted: [failedPrecondition, 'etcdserver: permission is not granted to the role'],
  AuthNotEnabled: [failedPrecondition, 'etcdserver: authentication is not enabled'],
  InvalidAuthToken: [unauthenticated, 'etcdserver: invalid auth token'],
  InvalidAuthMgmt: [invalidArgument, 'etcdserver: invalid auth management'],
  AuthOldRevision: [invalidArgument, 'etcdserver: revision of auth store is old'],
  NoLeader: [unavailable, 'etcdserver: no leader'],
  NotLeader: [failedPrecondition, 'etcdserver: not leader'],
  LeaderChanged: [unavailable, 'etcdserver: leader changed'],
  NotCapable: [failedPrecondition, 'etcdserver: not capable'],
  Stopped: [unavailable, 'etcdserver: server stopped'],
  Timeout: [unavailable, 'etcdserver: request timed out'],
  TimeoutDueToLeaderFail: [
    unavailable,
    'etcdserver: request timed out, possibly due to previous leader failure',
  ],
  TimeoutDueToConnectionLost: [unavailable, 'etcdserver: request timed out, possibly due to connection lost'],
  TimeoutWaitAppliedIndex: [
    unavailable,
    'etcdserver: request timed out, waiting for the applied index took too long',
  ],
  Unhealthy: [unavailable, 'etcdserver: unhealthy cluster'],
  Corrupt: [dataLoss, 'etcdserver: corrupt cluster'],
  NotSupportedForLearner: [failedPrecondition, 'etcdserver: rpc not supported for learner'],
  BadLeaderTransferee: [failedPrecondition, 'etcdserver: bad leader transferee'],
  WrongDowngradeVersionFormat: [invalidArgument, 'etcdserver: wrong downgrade target version format'],
  InvalidDowngradeTargetVersion: [invalidArgument, 'etcdserver: invalid downgrade target version'],
  ClusterVersionUnavailable: [failedPrecondition, 'etcdserver: cluster version not found during downgrade'],
  DowngradeInProcess: [failedPrecondition, 'etcdserver: cluster has a downgrade job in progress'],
  NoInflightDowngrade: [failedPrecondition, 'etcdserver: no inflight downgrade job'],
  Canceled: [canceled, 'etcdserver: request canceled'],
  DeadlineExceeded: [deadlineExceeded, 'etcdserver: context deadline exceeded'],
  // Engram's own: a lease that could not end in one revision any more must not come about (lease-room.ts).
  LeaseFull: [resourceExhausted, 'etcdserver: too many keys are attached to the lease'],
  // Not among etcd's errors by name: statuses that the method makes itself (3.7.3).
  RangeStreamSort: [unimplemented, 'RangeStream does not support custom sort orders'],
  RangeStreamFilter: [unimplemented, 'RangeStream does not support revision filters'],
} as const satisfies Record<string, readonly [code: number, text: string]>;

export type StoreErrorCode = keyof typeof STORE_ERRORS;

/**
 * A refused call. `code` is stable; `grpcCode` and `message` are what a client sees. One frozen instance exists per code
 * (`storeError`), because an error is an answer here like any other and a stack trace for each would cost microseconds.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly grpcCode: number;

  constructor(code: StoreErrorCode) {
    super(STORE_ERRORS[code][1]);
    this.code = code;
    this.grpcCode = STORE_ERRORS[code][0];
  }
}

const instances = new Map<StoreErrorCode, StoreError>();
for (const code of Object.keys(STORE_ERRORS) as StoreErrorCode[]) {
  const error = new StoreError(code);
  error.stack = `StoreError: ${error.message}`;
  instances.set(code, Object.freeze(error));
}

/** The one error of this code. */
export function storeError(code: StoreErrorCode): StoreError {
  return instances.get(code) as StoreError;
}
