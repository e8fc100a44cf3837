/** What this state has been through since it was read: for metrics, so plain numbers that are counted up on hot paths. */
export class OperationCounts {
  /** Evaluated here, those of transactions included. */
  ranges = 0;
  /** Evaluated here, of more than one operation. */
  txns = 0;
  /** Keys put and deleted here: as the leader proposes them, or as they are applied. */
  proposedPuts = 0;
  proposedDeletes = 0;
  /** Of those, what was taken back with the lead. */
  takenBackPuts = 0;
  takenBackDeletes = 0;
  #puts = 0;
  #deletes = 0;

  /** Never falls: what is told of a proposal that is taken back later is told of the next one instead. */
  get puts(): number {
    return (this.#puts = Math.max(this.#puts, this.proposedPuts - this.takenBackPuts));
  }

  /** As `puts`. */
  get deletes(): number {
    return (this.#deletes = Math.max(this.#deletes, this.proposedDeletes - this.takenBackDeletes));
  }
}
