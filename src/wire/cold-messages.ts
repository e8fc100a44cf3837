/**
 * The messages that proto-loader reads and writes, with the field names of the proto files. Fields of enumerations are
 * their numbers. Hot messages are in messages.ts.
 */

/** A message without fields. */
export type EmptyMessage = Record<string, never>;

export interface HeaderOnlyResponse {
  header: HeaderMessage | null;
}

export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;
export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const;
export const DowngradeAction = { validate: 0, enable: 1, cancel: 2 } as const;
export const PermissionType = { read: 0, write: 1, readWrite: 2 } as const;
export const ServingStatus = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const;

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

export interface UserAddOptions {
  no_password: boolean;
}

export interface User {
  name: Buffer;
  password: Buffer;
  roles: string[];
  options: UserAddOptions | null;
}

export interface Permission {
  permType: number;
  key: Buffer;
  range_end: Buffer;
}

export interface Role {
  name: Buffer;
  keyPermission: Permission[];
}

export interface HeaderMessage {
  cluster_id: bigint;
  member_id: bigint;
  revision: number;
  raft_term: number;
}

export interface LeaseGrantResponseMessage {
  header: HeaderMessage | null;
  ID: bigint;
  TTL: number;
  error: string;
}

export interface LeaseKeepAliveResponseMessage {
  header: HeaderMessage | null;
  ID: bigint;
  TTL: number;
}

export interface LeaseTimeToLiveResponse {
  header: HeaderMessage | null;
  ID: bigint;
  TTL: number;
  grantedTTL: number;
  keys: Buffer[];
}

export interface LeaseStatus {
  ID: bigint;
}

export interface LeaseLeasesResponse {
  header: HeaderMessage | null;
  leases: LeaseStatus[];
}

export interface Member {
  ID: bigint;
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}

export interface MemberAddRequest {
  peerURLs: string[];
  isLearner: boolean;
}

export interface MemberAddResponse {
  header: HeaderMessage | null;
  member: Member | null;
  members: Member[];
}

export interface MemberRemoveRequest {
  ID: bigint;
}

export interface MemberRemoveResponse {
  header: HeaderMessage | null;
  members: Member[];
}

export interface MemberUpdateRequest {
  ID: bigint;
  peerURLs: string[];
}

export interface MemberUpdateResponse {
  header: HeaderMessage | null;
  members: Member[];
}

export interface MemberListRequest {
  linearizable: boolean;
}

export interface MemberListResponse {
  header: HeaderMessage | null;
  members: Member[];
}

export interface MemberPromoteRequest {
  ID: bigint;
}

export interface MemberPromoteResponse {
  header: HeaderMessage | null;
  members: Member[];
}

export interface AlarmRequest {
  action: number;
  memberID: bigint;
  alarm: number;
}

export interface AlarmMember {
  memberID: bigint;
  alarm: number;
}

export interface AlarmResponse {
  header: HeaderMessage | null;
  alarms: AlarmMember[];
}

export interface DowngradeInfo {
  enabled: boolean;
  targetVersion: string;
}

export interface StatusResponse {
  header: HeaderMessage | null;
  version: string;
  dbSize: number;
  leader: bigint;
  raftIndex: number;
  raftTerm: number;
  raftAppliedIndex: number;
  errors: string[];
  dbSizeInUse: number;
  isLearner: boolean;
  storageVersion: string;
  dbSizeQuota: number;
  downgradeInfo: DowngradeInfo | null;
}

export interface HashResponse {
  header: HeaderMessage | null;
  hash: number;
}

export interface HashKVRequest {
  revision: number;
}

export interface HashKVResponse {
  header: HeaderMessage | null;
  hash: number;
  compact_revision: number;
  hash_revision: number;
}

export interface SnapshotResponse {
  header: HeaderMessage | null;
  remaining_bytes: number;
  blob: Buffer;
  version: string;
}

export interface MoveLeaderRequest {
  targetID: bigint;
}

export interface DowngradeRequest {
  action: number;
  version: string;
}

export interface DowngradeResponse {
  header: HeaderMessage | null;
  version: string;
}

export interface AuthStatusResponse {
  header: HeaderMessage | null;
  enabled: boolean;
  authRevision: number;
}

export interface AuthenticateRequest {
  name: string;
  password: string;
}

export interface AuthenticateResponse {
  header: HeaderMessage | null;
  token: string;
}

export interface AuthUserAddRequest {
  name: string;
  password: string;
  options: UserAddOptions | null;
  hashedPassword: string;
}

export interface AuthUserGetRequest {
  name: string;
}

export interface AuthUserGetResponse {
  header: HeaderMessage | null;
  roles: string[];
}

export interface AuthUserListResponse {
  header: HeaderMessage | null;
  users: string[];
}

export interface AuthUserDeleteRequest {
  name: string;
}

export interface AuthUserChangePasswordRequest {
  name: string;
  password: string;
  hashedPassword: string;
}

export interface AuthUserGrantRoleRequest {
  user: string;
  role: string;
}

export interface AuthUserRevokeRoleRequest {
  name: string;
  role: string;
}

export interface AuthRoleAddRequest {
  name: string;
}

export interface AuthRoleGetRequest {
  role: string;
}

export interface AuthRoleGetResponse {
  header: HeaderMessage | null;
  perm: Permission[];
}

export interface AuthRoleListResponse {
  header: HeaderMessage | null;
  roles: string[];
}

export interface AuthRoleDeleteRequest {
  role: string;
}

export interface AuthRoleGrantPermissionRequest {
  name: string;
  perm: Permission | null;
}

export interface AuthRoleRevokePermissionRequest {
  role: string;
  key: Buffer;
  range_end: Buffer;
}

export interface LockRequest {
  name: Buffer;
  lease: bigint;
}

export interface LockResponse {
  header: HeaderMessage | null;
  key: Buffer;
}

export interface UnlockRequest {
  key: Buffer;
}

export interface LeaderKey {
  name: Buffer;
  key: Buffer;
  rev: number;
  lease: bigint;
}

export interface CampaignRequest {
  name: Buffer;
  lease: bigint;
  value: Buffer;
}

export interface CampaignResponse {
  header: HeaderMessage | null;
  leader: LeaderKey | null;
}

export interface LeaderRequest {
  name: Buffer;
}

export interface LeaderResponse {
  header: HeaderMessage | null;
  kv: KeyValueMessage | null;
}

export interface ProclaimRequest {
  leader: LeaderKey | null;
  value: Buffer;
}

export interface ResignRequest {
  leader: LeaderKey | null;
}

export interface HealthCheckRequest {
  service: string;
}

export interface HealthCheckResponse {
  status: number;
}

/** Full name to message. */
export interface ColdMessages {
  'mvccpb.KeyValue': KeyValueMessage;
  'mvccpb.Event': EventMessage;
  'authpb.UserAddOptions': UserAddOptions;
  'authpb.User': User;
  'authpb.Permission': Permission;
  'authpb.Role': Role;
  'etcdserverpb.ResponseHeader': HeaderMessage;
  'etcdserverpb.LeaseGrantResponse': LeaseGrantResponseMessage;
  'etcdserverpb.LeaseRevokeResponse': HeaderOnlyResponse;
  'etcdserverpb.LeaseKeepAliveResponse': LeaseKeepAliveResponseMessage;
  'etcdserverpb.LeaseTimeToLiveResponse': LeaseTimeToLiveResponse;
  'etcdserverpb.LeaseLeasesRequest': EmptyMessage;
  'etcdserverpb.LeaseStatus': LeaseStatus;
  'etcdserverpb.LeaseLeasesResponse': LeaseLeasesResponse;
  'etcdserverpb.Member': Member;
  'etcdserverpb.MemberAddRequest': MemberAddRequest;
  'etcdserverpb.MemberAddResponse': MemberAddResponse;
  'etcdserverpb.MemberRemoveRequest': MemberRemoveRequest;
  'etcdserverpb.MemberRemoveResponse': MemberRemoveResponse;
  'etcdserverpb.MemberUpdateRequest': MemberUpdateRequest;
  'etcdserverpb.MemberUpdateResponse': MemberUpdateResponse;
  'etcdserverpb.MemberListRequest': MemberListRequest;
  'etcdserverpb.MemberListResponse': MemberListResponse;
  'etcdserverpb.MemberPromoteRequest': MemberPromoteRequest;
  'etcdserverpb.MemberPromoteResponse': MemberPromoteResponse;
  'etcdserverpb.AlarmRequest': AlarmRequest;
  'etcdserverpb.AlarmMember': AlarmMember;
  'etcdserverpb.AlarmResponse': AlarmResponse;
  'etcdserverpb.StatusRequest': EmptyMessage;
  'etcdserverpb.DowngradeInfo': DowngradeInfo;
  'etcdserverpb.StatusResponse': StatusResponse;
  'etcdserverpb.DefragmentRequest': EmptyMessage;
  'etcdserverpb.DefragmentResponse': HeaderOnlyResponse;
  'etcdserverpb.HashRequest': EmptyMessage;
  'etcdserverpb.HashResponse': HashResponse;
  'etcdserverpb.HashKVRequest': HashKVRequest;
  'etcdserverpb.HashKVResponse': HashKVResponse;
  'etcdserverpb.SnapshotRequest': EmptyMessage;
  'etcdserverpb.SnapshotResponse': SnapshotResponse;
  'etcdserverpb.MoveLeaderRequest': MoveLeaderRequest;
  'etcdserverpb.MoveLeaderResponse': HeaderOnlyResponse;
  'etcdserverpb.DowngradeRequest': DowngradeRequest;
  'etcdserverpb.DowngradeResponse': DowngradeResponse;
  'etcdserverpb.AuthEnableRequest': EmptyMessage;
  'etcdserverpb.AuthEnableResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthDisableRequest': EmptyMessage;
  'etcdserverpb.AuthDisableResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthStatusRequest': EmptyMessage;
  'etcdserverpb.AuthStatusResponse': AuthStatusResponse;
  'etcdserverpb.AuthenticateRequest': AuthenticateRequest;
  'etcdserverpb.AuthenticateResponse': AuthenticateResponse;
  'etcdserverpb.AuthUserAddRequest': AuthUserAddRequest;
  'etcdserverpb.AuthUserAddResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthUserGetRequest': AuthUserGetRequest;
  'etcdserverpb.AuthUserGetResponse': AuthUserGetResponse;
  'etcdserverpb.AuthUserListRequest': EmptyMessage;
  'etcdserverpb.AuthUserListResponse': AuthUserListResponse;
  'etcdserverpb.AuthUserDeleteRequest': AuthUserDeleteRequest;
  'etcdserverpb.AuthUserDeleteResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthUserChangePasswordRequest': AuthUserChangePasswordRequest;
  'etcdserverpb.AuthUserChangePasswordResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthUserGrantRoleRequest': AuthUserGrantRoleRequest;
  'etcdserverpb.AuthUserGrantRoleResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthUserRevokeRoleRequest': AuthUserRevokeRoleRequest;
  'etcdserverpb.AuthUserRevokeRoleResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthRoleAddRequest': AuthRoleAddRequest;
  'etcdserverpb.AuthRoleAddResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthRoleGetRequest': AuthRoleGetRequest;
  'etcdserverpb.AuthRoleGetResponse': AuthRoleGetResponse;
  'etcdserverpb.AuthRoleListRequest': EmptyMessage;
  'etcdserverpb.AuthRoleListResponse': AuthRoleListResponse;
  'etcdserverpb.AuthRoleDeleteRequest': AuthRoleDeleteRequest;
  'etcdserverpb.AuthRoleDeleteResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthRoleGrantPermissionRequest': AuthRoleGrantPermissionRequest;
  'etcdserverpb.AuthRoleGrantPermissionResponse': HeaderOnlyResponse;
  'etcdserverpb.AuthRoleRevokePermissionRequest': AuthRoleRevokePermissionRequest;
  'etcdserverpb.AuthRoleRevokePermissionResponse': HeaderOnlyResponse;
  'v3lockpb.LockRequest': LockRequest;
  'v3lockpb.LockResponse': LockResponse;
  'v3lockpb.UnlockRequest': UnlockRequest;
  'v3lockpb.UnlockResponse': HeaderOnlyResponse;
  'v3electionpb.LeaderKey': LeaderKey;
  'v3electionpb.CampaignRequest': CampaignRequest;
  'v3electionpb.CampaignResponse': CampaignResponse;
  'v3electionpb.LeaderRequest': LeaderRequest;
  'v3electionpb.LeaderResponse': LeaderResponse;
  'v3electionpb.ProclaimRequest': ProclaimRequest;
  'v3electionpb.ProclaimResponse': HeaderOnlyResponse;
  'v3electionpb.ResignRequest': ResignRequest;
  'v3electionpb.ResignResponse': HeaderOnlyResponse;
  'grpc.health.v1.HealthCheckRequest': HealthCheckRequest;
  'grpc.health.v1.HealthCheckResponse': HealthCheckResponse;
}
