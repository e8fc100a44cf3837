import type { KeyValue } from '../../src/wire/index.ts';

/** One stored entry, taken apart. Keys and values are latin1 strings. */
export interface Entry {
  readonly kind: 'put' | 'delete' | 'grant' | 'revoke' | 'compact' | 'alarm' | 'epoch' | 'cluster';
  /** Of the chunk it was committed in; cleaning keeps it. */
  readonly sequence: number;
  /** 0: takes no revision. */
  readonly revision: number;
  readonly sub: number;
  readonly key: string;
  readonly kv: KeyValue | undefined;
  /** The lease of a grant or revoke. */
  readonly lease: bigint;
  /** The compacted revision, the epoch, or the seconds of a grant. */
  readonly number: number;
}

export interface Version {
  readonly revision: number;
  readonly sub: number;
  /** `undefined`: a tombstone. */
  readonly kv: KeyValue | undefined;
}

/** The obvious state: every key with all its versions, as the entries of a log make it. */
export class State {
  sequence = 0;
  revision = 1;
  compacted = 0;
  readonly keys = new Map<string, Version[]>();
  /** Lease -> sequence of the entry that granted it. */
  readonly leases = new Map<bigint, number>();

  apply(entry: Entry): void {
    if (entry.kind === 'put' || entry.kind === 'delete') this.#add(entry);
    if (entry.kind === 'grant') this.leases.set(entry.lease, entry.sequence);
    if (entry.kind === 'revoke') this.leases.delete(entry.lease);
    if (entry.kind === 'compact') this.compacted = Math.max(this.compacted, entry.number);
    this.revision = Math.max(this.revision, entry.revision);
    this.sequence = Math.max(this.sequence, entry.sequence);
  }

  /** The newest version at or below `revision`, if it is not a tombstone. */
  at(key: string, revision: number): KeyValue | undefined {
    return this.keys.get(key)?.findLast((version) => version.revision <= revision)?.kv;
  }

  /** All keys of a range that exist at `revision`, in order. `end`: '' for a single key. */
  range(key: string, end: string, revision: number): KeyValue[] {
    const found: KeyValue[] = [];
    for (const name of [...this.keys.keys()].sort()) {
      if (end === '' ? name !== key : name < key || name >= end) continue;
      const kv = this.at(name, revision);
      if (kv !== undefined) found.push(kv);
    }
    return found;
  }

  /** All keys that exist at `revision`, with the ids that their values begin with. */
  held(revision: number): Map<string, { mod: number; id: string }> {
    const all = this.range('', '\xff', revision);
    return new Map(
      all.map((kv) => [latin1(kv.key), { mod: kv.modRevision, id: latin1(kv.value).split(';')[0]! }]),
    );
  }

  /** What is readable at or above the compaction, in one normal form, however the log was cleaned. */
  digest(): string {
    const lines: string[] = [];
    for (const key of [...this.keys.keys()].sort()) {
      const versions = this.keys.get(key)!;
      const base = versions.findLastIndex(({ revision }) => revision <= this.compacted);
      const hidden =
        base >= 0 && versions[base]!.kv === undefined && versions[base]!.revision < this.compacted;
      const kept = versions.slice(hidden ? base + 1 : Math.max(0, base));
      for (const { revision, sub, kv } of kept)
        lines.push(`${key}@${revision}.${sub}=${kv === undefined ? '-' : text(kv)}`);
    }
    const leases = [...this.leases].sort().map(([id, sequence]) => `${id}@${sequence}`);
    return [`${this.revision}/${this.compacted}`, ...lines, ...leases].join('\n');
  }

  #add({ key, revision, sub, kv, kind }: Entry): void {
    const versions = this.keys.get(key) ?? [];
    const last = versions.at(-1);
    if (last !== undefined && (last.revision > revision || (last.revision === revision && last.sub >= sub)))
      return;
    versions.push({ revision, sub, kv: kind === 'put' ? kv : undefined });
    this.keys.set(key, versions);
  }
}

export const text = (kv: KeyValue): string =>
  `${latin1(kv.key)}|${kv.createRevision}|${kv.modRevision}|${kv.version}|${latin1(kv.value)}|${kv.lease}`;

export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
