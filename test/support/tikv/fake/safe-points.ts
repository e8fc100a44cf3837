import { collect } from './mvcc/collect.ts';
import { physicalOf } from './oracle.ts';
import type { World } from './world.ts';

const forever = 2n ** 63n - 1n;
const gcWorker = 'gc_worker';

interface Claim {
  readonly safePoint: bigint;
  /** Seconds since 1970. */
  readonly expires: bigint;
}

/** The least claim, as a placement driver tells it. */
interface Least {
  readonly service: string;
  /** What is left of it. */
  readonly ttlSeconds: bigint;
  readonly minSafePoint: bigint;
}

/**
 * The placement driver's safe points, as v8.5 keeps them: what services want kept, and below what versions are collected.
 * One rule is of later versions, which are stricter: the safe point never passes a claim.
 *
 * 1. Its clock is the one of its timestamps, in whole seconds. A claim holds through the second in which it expires.
 * 2. A claim below the least one is not taken. Nothing but the answer says so, which is the least claim as always.
 * 3. A time to live of 0 or less withdraws. `gc_worker` is always there, from 0 on, and for ever.
 */
export class SafePoints {
  readonly #world: World;
  readonly #claims = new Map<string, Claim>([[gcWorker, { safePoint: 0n, expires: forever }]]);

  constructor(world: World) {
    this.#world = world;
  }

  get gcSafePoint(): bigint {
    return this.#world.mvcc.safePoint;
  }

  /** The services whose claims hold now, and what each of them claims. */
  get claims(): ReadonlyMap<string, bigint> {
    this.#expire(this.#nowSeconds());
    return new Map([...this.#claims].map(([service, { safePoint }]) => [service, safePoint]));
  }

  /** Answers the least claim. Throws Error where a placement driver refuses. */
  claim(request: { service: string; ttlSeconds: bigint; safePoint: bigint }): Least {
    const { service, ttlSeconds, safePoint } = request;
    if (ttlSeconds <= 0n) {
      if (service === gcWorker) throw new Error('cannot remove service safe point of gc_worker');
      this.#claims.delete(service);
    }
    const nowSeconds = this.#nowSeconds();
    this.#expire(nowSeconds);
    if (ttlSeconds > 0n && safePoint >= this.#least(nowSeconds).minSafePoint) {
      if (service === '') throw new Error('service id of service safepoint cannot be empty');
      const expires = forever - nowSeconds <= ttlSeconds ? forever : nowSeconds + ttlSeconds;
      if (service === gcWorker && expires !== forever)
        throw new Error("TTL of gc_worker's service safe point must be infinity");
      this.#claims.set(service, { safePoint, expires });
    }
    return this.#least(nowSeconds);
  }

  /** Moves forward only, and never past the least claim. Versions are collected at once. */
  advance(safePoint: bigint): bigint {
    const nowSeconds = this.#nowSeconds();
    this.#expire(nowSeconds);
    if (safePoint > this.#least(nowSeconds).minSafePoint) {
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

  /** Asks for a timestamp, as a placement driver does. */
  #nowSeconds(): bigint {
    return physicalOf(this.#world.oracle.next()) / 1000n;
  }

  #expire(nowSeconds: bigint): void {
    for (const [name, { expires }] of this.#claims) if (expires < nowSeconds) this.#claims.delete(name);
  }

  #least(nowSeconds: bigint): Least {
    const inOrder = [...this.#claims].sort(([a], [b]) => (a < b ? -1 : 1));
    const [service, claim] = inOrder.reduce((least, other) =>
      other[1].safePoint < least[1].safePoint ? other : least,
    );
    return { service, ttlSeconds: claim.expires - nowSeconds, minSafePoint: claim.safePoint };
  }
}
