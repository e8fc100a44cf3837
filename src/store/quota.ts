import type { LogWriter, Waiter } from '../log/index.ts';
import { AlarmType } from './results.ts';
import type { State } from './state.ts';

/** etcd's estimate of what a key or a lease takes beside its bytes. */
const KEY_OVERHEAD_BYTES = 256;
const LEASE_OVERHEAD_BYTES = 64 + 16;

export function putCost(key: Uint8Array, value: Uint8Array): number {
  return KEY_OVERHEAD_BYTES + key.length + value.length;
}
export const GRANT_COST = LEASE_OVERHEAD_BYTES;

/**
 * The bound of what the store holds: live bytes and uncompacted history. What would pass it raises the alarm NOSPACE and
 * is refused; from then on everything that takes space is refused, until the alarm is disarmed (etcd-v3.md B.9).
 */
export class Quota {
  readonly #state: State;
  readonly #writer: () => LogWriter;
  readonly #member: bigint;
  /** 0: no bound. */
  readonly bytesMax: number;

  constructor(parts: { state: State; writer: () => LogWriter; member: bigint; bytesMax: number }) {
    this.#state = parts.state;
    this.#writer = parts.writer;
    this.#member = parts.member;
    this.bytesMax = Math.max(0, parts.bytesMax);
  }

  get usedBytes(): number {
    return this.#state.index.liveBytes + this.#state.index.historyBytes;
  }

  /** Whether `cost` more bytes fit. If not, the alarm is raised before this returns (it counts once committed). */
  admits(cost: number): boolean {
    if (this.bytesMax === 0 || this.usedBytes + cost <= this.bytesMax) return true;
    if (!this.#state.alarms.has(this.#member, AlarmType.noSpace)) {
      const record = { kind: 'alarm', member: this.#member, alarm: AlarmType.noSpace, active: true } as const;
      this.#writer().record(record);
      this.#state.pending.proposed(record);
      this.#writer().seal(NOBODY);
    }
    return false;
  }
}

/** The call that raised the alarm is answered by itself. */
const NOBODY: Waiter = { settled: () => undefined };
