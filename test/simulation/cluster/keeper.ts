import type { CallTarget, More } from '../client.ts';
import type { Answer, Call, CallRecord } from '../history.ts';
import { show } from '../history.ts';
import type { Oracle } from '../oracle.ts';
import type { World } from '../world.ts';
import type { LeasePresence } from './lease-times.ts';

const CLIENT_MIN = 50_000;

/** A client was told that its lease lives. */
interface Assurance {
  readonly lease: bigint;
  readonly startMs: number;
  readonly endMs: number;
  /** Seconds that were left; 0: it was told that the lease is gone. */
  readonly ttl: number;
  readonly kind: Call['kind'];
}

export interface KeeperOptions {
  readonly world: World;
  readonly oracle: Oracle;
  readonly records: CallRecord[];
  readonly lease: bigint;
  readonly ttl: number;
  /** Where the next call goes; another one each time after the last has failed. */
  readonly target: () => CallTarget | undefined;
  readonly answered: (answer: Answer) => void;
  readonly timeoutMs: number;
}

/** A client that keeps a lease of its own alive, and is told now and then how long it lasts. */
export class Keeper {
  readonly assurances: Assurance[] = [];
  readonly #options: KeeperOptions;
  /** When the last grant that was acknowledged began. */
  #grantedMs: number | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  async run(untilMs: number): Promise<void> {
    const { world, records, lease, target, answered } = this.#options;
    const random = world.random.fork(`keeper-${lease}`);
    for (let at = 0; world.nowMs() < untilMs; at++) {
      await world.sleep('clients', 50 + random.next() * 500);
      const to = target();
      if (to === undefined) continue;
      const kind = this.#grantedMs === undefined ? 'grant' : random.chance(0.2) ? 'timeToLive' : 'keepAlive';
      const startMs = world.nowMs();
      const call = { kind, id: `keeper-${lease}-${at}`, lease } as const;
      const answer = await this.#call(to, call);
      const client = CLIENT_MIN + Number(lease);
      const record = { client, by: to.owner, call, startMs, endMs: world.nowMs(), answer };
      records.push(record);
      world.note(show(record));
      answered(answer);
      this.#learn(kind, startMs, answer);
    }
  }

  #learn(kind: Call['kind'], startMs: number, answer: Answer): void {
    const { world, oracle, lease } = this.#options;
    if (kind === 'grant') {
      const exists = answer.kind === 'done' || (answer.kind === 'error' && answer.code === 'LeaseExist');
      if (exists) this.#grantedMs = startMs;
      return;
    }
    if (answer.kind !== 'alive') return;
    const { ttl } = answer;
    if (ttl <= 0 && kind === 'keepAlive') {
      const since = this.#grantedMs as number;
      const revoked = revocations(oracle, lease).some((atMs) => atMs >= since && atMs <= world.nowMs());
      oracle.expect(revoked, () => `promise 4: lease ${lease} was said to be gone, and is not`);
      this.#grantedMs = undefined;
      return;
    }
    if (ttl > 0) this.assurances.push({ lease, kind, startMs, endMs: world.nowMs(), ttl });
  }

  #call(to: CallTarget, call: Call): Promise<Answer> {
    const { world, ttl, timeoutMs } = this.#options;
    const more: More = { pad: ';', ttl };
    return new Promise((resolve) => {
      world.schedule('clients', timeoutMs, () => resolve({ kind: 'unknown' }));
      to.call(call, more, (answer) => world.schedule('clients', 0.5, () => resolve(answer)));
    });
  }

  /** What a lease was said to have left, it has: by the clock of whoever leads, which has gone so far at most. */
  check(presence: LeasePresence, clockMs: (fromMs: number, toMs: number) => number): void {
    const { oracle, lease } = this.#options;
    const { records, ttl: granted } = this.#options;
    for (const record of records) {
      const { call, answer } = record;
      if (answer.kind !== 'alive' || !('lease' in call) || call.lease !== lease) continue;
      // An expired lease has 0 seconds left until it is revoked; a keep-alive waits for that.
      const isThere = call.kind === 'keepAlive' ? answer.ttl > 0 : answer.ttl >= 0;
      oracle.expect(
        answer.ttl <= granted && presence.was(isThere, lease, record),
        () => `promise 4: lease ${lease} was ${isThere ? 'not ' : ''}there all the time: ${show(record)}`,
      );
    }
    const revoked = revocations(oracle, lease);
    for (const assurance of this.assurances) {
      const { startMs, ttl } = assurance;
      const atMs = revoked.find((landedMs) => landedMs > startMs);
      if (atMs === undefined) continue;
      oracle.expect(
        clockMs(startMs, atMs) >= ttl * 1000,
        () => `a lease expired ${(atMs - startMs).toFixed(0)} ms after ${JSON.stringify(text(assurance))}`,
      );
    }
  }
}

const text = (assurance: Assurance) => ({ ...assurance, lease: String(assurance.lease) });

/** When the lease was revoked, or expired. */
function revocations(oracle: Oracle, lease: bigint): number[] {
  return oracle.entries
    .filter((entry) => entry.kind === 'revoke' && entry.lease === lease)
    .map(({ sequence }) => oracle.sequenceLandedMs.get(sequence)!);
}
