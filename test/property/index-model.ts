import { compareBytes } from '../../src/base/index.ts';
import type { Bytes } from '../../src/base/index.ts';

/** One change of one key, as the log has it. */
export interface Change {
  readonly key: Bytes;
  readonly name: string;
  readonly revision: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly length: number;
}

/** What the index should be: all changes in order, kept for ever. Everything else is worked out from that. */
export class IndexModel {
  changes: Change[] = [];

  get revision(): number {
    return this.changes.at(-1)?.revision ?? 1;
  }

  add(change: Change): void {
    this.changes.push(change);
  }

  popAbove(revision: number): Change[] {
    const popped = this.changes.filter((change) => change.revision > revision).reverse();
    this.changes = this.changes.filter((change) => change.revision <= revision);
    return popped;
  }

  /** The changes that must still exist once everything unreadable at `target` has been trimmed. */
  existing(target: number): Change[] {
    const readable = this.#newestByKey(target);
    return this.changes.filter(
      (change) => change.revision >= target || (readable.get(change.name) === change && !change.tombstone),
    );
  }

  at(name: string, revision: number): Change | undefined {
    return this.changes.findLast((change) => change.name === name && change.revision <= revision);
  }

  live(from: Bytes, to: Bytes | undefined, revision: number): Change[] {
    return [...this.#newestByKey(revision).values()]
      .filter((change) => !change.tombstone)
      .filter(({ key }) => compareBytes(key, from) >= 0 && (to === undefined || compareBytes(key, to) < 0))
      .sort((a, b) => compareBytes(a.key, b.key));
  }

  #newestByKey(revision: number): Map<string, Change> {
    return new Map(
      this.changes.filter((change) => change.revision <= revision).map((change) => [change.name, change]),
    );
  }
}
