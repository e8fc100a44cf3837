/** The answers of the Lease service that are not hot, as proto-loader reads and writes them (cold-messages.ts). */

import type { HeaderMessage } from './basic-messages.ts';

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
