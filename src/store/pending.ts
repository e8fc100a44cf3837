import type { Record } from '../log/index.ts';

/** The records that are proposed and not committed, as far as a call can depend on them. */
export class Pending {
  readonly #grants = new Set<bigint>();
  readonly #revokes = new Set<bigint>();
  /** The lease whose end is being evaluated, which may take many turns. */
  #ending: bigint | undefined;
  #compactions = 0;
  #alarms = 0;

  get compactions(): boolean {
    return this.#compactions > 0;
  }
  get alarms(): boolean {
    return this.#alarms > 0;
  }
  /** Grants on their way: they count towards the bound of leases. */
  get grants(): number {
    return this.#grants.size;
  }

  /** Whether it is open if this lease will exist. */
  lease(id: bigint): boolean {
    return this.#grants.has(id) || this.#revokes.has(id);
  }

  /** Whether the lease is on its way out: nothing saves it any more, unless its revocation fails. */
  revoking(id: bigint): boolean {
    return this.#ending === id || this.#revokes.has(id);
  }

  /** From when it is decided that a lease ends until that is proposed, or given up (undefined). */
  set ending(id: bigint | undefined) {
    this.#ending = id;
  }

  proposed(record: Record): void {
    if (record.kind === 'grant') this.#grants.add(record.id);
    if (record.kind === 'revoke') this.#revokes.add(record.id);
    if (record.kind === 'compact') this.#compactions++;
    if (record.kind === 'alarm') this.#alarms++;
  }

  settled(record: Record): void {
    if (record.kind === 'grant') this.#grants.delete(record.id);
    if (record.kind === 'revoke') this.#revokes.delete(record.id);
    if (record.kind === 'compact') this.#compactions--;
    if (record.kind === 'alarm') this.#alarms--;
  }

  clear(): void {
    this.#grants.clear();
    this.#revokes.clear();
    this.#ending = undefined;
    this.#compactions = 0;
    this.#alarms = 0;
  }
}
