/** The messages of the Lock and Election services, as proto-loader reads and writes them (cold-messages.ts). */

import type { HeaderMessage, KeyValueMessage } from './basic-messages.ts';

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
