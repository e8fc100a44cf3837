/** The messages of the Auth service, as proto-loader reads and writes them (cold-messages.ts). */

import type { HeaderMessage } from './basic-messages.ts';

export const PermissionType = { read: 0, write: 1, readWrite: 2 } as const;

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
