import { collect } from './mvcc/collect.ts';
import type { World } from './world.ts';

const forever = 2n ** 63n - 1n;
const gcWorker = 'gc_worker';

interface Claim {
  readonly safePoint: bigint;
  /** Seconds since 1970. */
  readonly expires: bigint;
}

/** The placement driver's safe points: what services want kept, and below what versions are collected. */
export class SafePoints {
  readonly #world: World;
  readonly #claims = new Map<string, Claim>([[gcWorker, { safePoint: 0n, expires: forever }]]);

  constructor(world: World) {
    this.#world = world;
  }

  get gcSafePoint(): bigint {
    return this.#world.mvcc.safePoint;
  }

  /** Answers the least claim. Throws Error where a placement driver refuses. */
  claim(service: string, ttlSeconds: bigint, safePoint: bigint): { service: string; claim: Claim } {
    const nowSeconds = BigInt(Math.floor(Date.now() / 1000));
    if (service === gcWorker && ttlSeconds !== forever) {
      throw new Error("TTL of gc_worker's service safe point must be infinity");
    }
    for (const [name, { expires }] of this.#claims) if (expires <= nowSeconds) this.#claims.delete(name);
    if (ttlSeconds <= 0n) this.#claims.delete(service);
    else if (safePoint >= this.#least().claim.safePoint) {
      const expires = ttlSeconds > forever - nowSeconds ? forever : nowSeconds + ttlSeconds;
      this.#claims.set(service, { safePoint, expires });
    }
    return this.#least();
  }

  /** Moves forward only, and never past the least claim. Versions are collected at once. */
  advance(safePoint: bigint): bigint {
    if (safePoint > this.#least().claim.safePoint) {
      throw new Error(`GC safe point ${safePoint} is above the txn safe point`);
    }
    if (safePoint > this.#world.oracle.last)
      this.#world.violate('UpdateGCSafePoint has a safe point to come');
    if (safePoint > this.gcSafePoint) {
      const older = collect(this.#world.mvcc, safePoint);
      if (older > 0)
        this.#world.violate(`UpdateGCSafePoint leaves ${older} locks from before the safe point`);
    }
    return this.gcSafePoint;
  }

  #least(): { service: string; claim: Claim } {
    let least = { service: gcWorker, claim: { safePoint: forever, expires: forever } };
    for (const [service, claim] of this.#claims) {
      if (claim.safePoint < least.claim.safePoint) least = { service, claim };
    }
    return least;
  }
}
