import type { Store, StoreErrorCode } from '../store/index.ts';
import type { HeadCheck } from './head-check.ts';
import type { LeadClaim } from './lead-claim.ts';
import type { LocalIndex } from './read-index.ts';

/**
 * What shows that this node still leads, before it answers: its lease, or a read of the head where clocks are not trusted
 * (`--linearizable-reads=engine`).
 */
export class LeadProof {
  readonly #claim: Pick<LeadClaim, 'holds' | 'epoch'>;
  readonly #headCheck: HeadCheck | undefined;
  readonly #store: () => Store;

  /** `store`: the one that serves now. */
  constructor(
    claim: Pick<LeadClaim, 'holds' | 'epoch'>,
    headCheck: HeadCheck | undefined,
    store: () => Store,
  ) {
    this.#claim = claim;
    this.#headCheck = headCheck;
    this.#store = store;
  }

  /** Whether the lease alone is not trusted: what needs the lead is to be confirmed. */
  get isByHead(): boolean {
    return this.#headCheck !== undefined;
  }

  /** The lease, or what stands for it where clocks are not trusted. */
  holds(): boolean {
    return this.#headCheck === undefined ? this.#claim.holds() : this.#claim.epoch !== undefined;
  }

  /** By a read of the head instead of the lease. A head of another's epoch ends the lead before the lease is known lost. */
  readonly confirm = (done: (refusal: StoreErrorCode | undefined) => void): void => {
    const store = this.#store();
    const { epoch } = store;
    this.#headCheck?.ask((refusal) => {
      if (refusal === 'LeaderChanged' && store.epoch === epoch) store.depose();
      done(refusal);
    });
  };

  /** The committed sequence of this node while it leads. */
  readonly index: LocalIndex = (done) => {
    const sequence = (): number => this.#store().sequence;
    if (!this.isByHead) return done(this.holds() ? sequence() : undefined);
    this.confirm((refusal) => done(refusal === undefined ? sequence() : undefined));
  };

  /** Refuses all who wait for a read of the head. */
  close(): void {
    this.#headCheck?.close();
  }
}
