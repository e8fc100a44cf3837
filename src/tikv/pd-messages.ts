import type { Bytes } from '../base/index.ts';
import type { Peer, Received, RegionMeta, StoreMeta } from './messages.ts';

/** The calls to the placement driver (tikv.md B.1). See messages.ts for how messages are written. Keys are encoded. */

interface Request {
  readonly header: { readonly clusterId: bigint } | undefined;
}

interface Answer {
  readonly header:
    | {
        readonly clusterId: bigint;
        readonly error?: { readonly type: number; readonly message: string } | undefined;
      }
    | undefined;
}

/** Type of the error in a header. */
export const PdErrorType = {
  OK: 0,
  UNKNOWN: 1,
  NOT_BOOTSTRAPPED: 2,
  STORE_TOMBSTONE: 3,
  ALREADY_BOOTSTRAPPED: 4,
  INCOMPATIBLE_VERSION: 5,
  REGION_NOT_FOUND: 6,
} as const;

export interface PdMember {
  readonly name?: string;
  readonly memberId: bigint;
  readonly peerUrls?: readonly string[];
  readonly clientUrls: readonly string[];
}

export interface PdRequests {
  readonly GetMembers: Request;
  readonly Tso: Request & { readonly count: number };
  readonly GetRegion: Request & { readonly regionKey: Bytes };
  readonly GetPrevRegion: Request & { readonly regionKey: Bytes };
  readonly ScanRegions: Request & {
    readonly startKey: Bytes;
    readonly limit: number;
    readonly endKey: Bytes;
  };
  readonly GetStore: Request & { readonly storeId: bigint };
  readonly GetGCSafePoint: Request;
  readonly UpdateGCSafePoint: Request & { readonly safePoint: bigint };
  readonly UpdateServiceGCSafePoint: Request & {
    readonly serviceId: Bytes;
    readonly TTL: bigint;
    readonly safePoint: bigint;
  };
}

interface RegionAnswer extends Answer {
  readonly region?: RegionMeta | undefined;
  readonly leader?: Peer | undefined;
  readonly pendingPeers?: readonly Peer[];
}

/** What a placement driver sends, as it writes it; the fake of the tests does. */
export interface PdAnswers {
  readonly GetMembers: Answer & {
    readonly members?: readonly PdMember[];
    readonly leader?: PdMember | undefined;
  };
  readonly Tso: Answer & {
    readonly count: number;
    readonly timestamp:
      { readonly physical: bigint; readonly logical: bigint; readonly suffixBits?: number } | undefined;
  };
  readonly GetRegion: RegionAnswer;
  readonly GetPrevRegion: RegionAnswer;
  readonly ScanRegions: Answer & {
    readonly regions?: readonly {
      readonly region: RegionMeta | undefined;
      readonly leader?: Peer | undefined;
    }[];
  };
  readonly GetStore: Answer & { readonly store?: StoreMeta | undefined };
  readonly GetGCSafePoint: Answer & { readonly safePoint: bigint };
  readonly UpdateGCSafePoint: Answer & { readonly newSafePoint: bigint };
  readonly UpdateServiceGCSafePoint: Answer & {
    readonly serviceId: Bytes;
    readonly TTL: bigint;
    readonly minSafePoint: bigint;
  };
}

/** Every field is there (messages.ts). */
export type PdResponses = { readonly [M in keyof PdAnswers]: Received<PdAnswers[M]> };

export type PdMethod = keyof PdRequests;
