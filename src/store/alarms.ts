import type { Alarm } from './results.ts';
import { AlarmType } from './results.ts';

/** The alarms that are raised: committed state. */
export class Alarms {
  readonly #raised = new Map<string, Alarm>();
  #noSpace = 0;
  #corrupt = 0;

  get count(): number {
    return this.#raised.size;
  }
  /** A NOSPACE alarm is raised: what takes space is refused. */
  get noSpace(): boolean {
    return this.#noSpace > 0;
  }
  /** A CORRUPT alarm is raised. */
  get corrupt(): boolean {
    return this.#corrupt > 0;
  }

  has(member: bigint, alarm: number): boolean {
    return this.#raised.has(`${alarm}/${member}`);
  }

  /** All of one type; of every type for `AlarmType.none`. */
  list(type: number): Alarm[] {
    return [...this.#raised.values()].filter((alarm) => type === AlarmType.none || alarm.alarm === type);
  }

  set(member: bigint, alarm: number, active: boolean): void {
    const key = `${alarm}/${member}`;
    if (this.#raised.has(key) === active) return;
    if (active) this.#raised.set(key, { member, alarm });
    else this.#raised.delete(key);
    if (alarm === AlarmType.noSpace) this.#noSpace += active ? 1 : -1;
    if (alarm === AlarmType.corrupt) this.#corrupt += active ? 1 : -1;
  }
}
