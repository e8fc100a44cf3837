/**
 * The messages that proto-loader reads and writes, with the field names of the proto files. Fields of enumerations are
 * their numbers. Hot messages are in messages.ts.
 */

import type {
  AuthRoleAddRequest,
  AuthRoleDeleteRequest,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionRequest,
  AuthRoleListResponse,
  AuthRoleRevokePermissionRequest,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  AuthUserDeleteRequest,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserGrantRoleRequest,
  AuthUserListResponse,
  AuthUserRevokeRoleRequest,
  AuthenticateRequest,
  AuthenticateResponse,
  Permission,
  Role,
  User,
  UserAddOptions,
} from './auth-messages.ts';
import type {
  EmptyMessage,
  EventMessage,
  HeaderMessage,
  HeaderOnlyResponse,
  KeyValueMessage,
} from './basic-messages.ts';
import type {
  Member,
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberPromoteResponse,
  MemberRemoveRequest,
  MemberRemoveResponse,
  MemberUpdateRequest,
  MemberUpdateResponse,
} from './cluster-messages.ts';
import type {
  CampaignRequest,
  CampaignResponse,
  LeaderKey,
  LeaderRequest,
  LeaderResponse,
  LockRequest,
  LockResponse,
  ProclaimRequest,
  ResignRequest,
  UnlockRequest,
} from './concurrency-messages.ts';
import type {
  LeaseGrantResponseMessage,
  LeaseKeepAliveResponseMessage,
  LeaseLeasesResponse,
  LeaseStatus,
  LeaseTimeToLiveResponse,
} from './lease-messages.ts';
import type {
  AlarmMember,
  AlarmRequest,
  AlarmResponse,
  DowngradeInfo,
  DowngradeRequest,
  DowngradeResponse,
  HashKVRequest,
  HashKVResponse,
  HashResponse,
  HealthCheckRequest,
  HealthCheckResponse,
  MoveLeaderRequest,
  SnapshotResponse,
  StatusResponse,
} from './maintenance-messages.ts';

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
