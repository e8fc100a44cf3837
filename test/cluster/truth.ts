import type { Change, History } from './history.ts';

/** The last key that the load puts, behind its prefix: watchers stop when they have seen it. */
const END = /(^|\/)end$/;

/** All changes that any watcher saw, in their order, up to the one that marks the end. */
export class Truth {
  readonly changes: readonly Change[];
  /** Undefined: nobody saw the end. */
  readonly end: Change | undefined;
  readonly #byKey = new Map<string, Change[]>();

  private constructor(changes: readonly Change[], end: Change | undefined) {
    this.changes = changes;
    this.end = end;
    for (const change of changes) {
      const of = this.#byKey.get(change.key);
      if (of === undefined) this.#byKey.set(change.key, [change]);
      else of.push(change);
    }
  }

  /** Also tells of watchers that saw different things at one place. */
  static of({ watched }: History): { truth: Truth; violations: string[] } {
    const places = new Map<string, Change>();
    const violations: string[] = [];
    for (const { watcher, changes } of watched) {
      for (const change of changes) {
        const place = `${change.revision} ${change.key}`;
        const known = places.get(place);
        if (known === undefined) places.set(place, change);
        else if (!isSame(known, change))
          violations.push(
            `watcher ${watcher} saw ${describe(change)}, another one ${describe(known)}: they differ`,
          );
      }
    }
    const all = [...places.values()].sort((a, b) => a.revision - b.revision || (a.key < b.key ? -1 : 1));
    const end = all.find(({ key }) => END.test(key));
    const changes = end === undefined ? all : all.filter(({ revision }) => revision <= end.revision);
    return { truth: new Truth(changes, end), violations };
  }

  /** The newest change of a key at a revision. */
  at(key: string, revision: number): Change | undefined {
    return this.#byKey.get(key)?.findLast((change) => change.revision <= revision);
  }

  of(key: string): readonly Change[] {
    return this.#byKey.get(key) ?? [];
  }
}

export function isSame(a: Change, b: Change): boolean {
  return a.revision === b.revision && a.key === b.key && a.value === b.value && a.deleted === b.deleted;
}

export function describe({ revision, key, value, deleted }: Change): string {
  return deleted ? `the deletion of ${key} at ${revision}` : `${key}=${value.slice(0, 12)} at ${revision}`;
}
