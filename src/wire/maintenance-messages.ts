/** The messages of the Maintenance and Health services, as proto-loader reads and writes them (cold-messages.ts). */

import type { HeaderMessage } from './basic-messages.ts';

export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;
export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const;
export const DowngradeAction = { validate: 0, enable: 1, cancel: 2 } as const;
export const ServingStatus = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const;

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

export interface HealthCheckRequest {
  service: string;
}

export interface HealthCheckResponse {
  status: number;
}
