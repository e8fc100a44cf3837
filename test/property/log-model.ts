import { decodeKeyValue } from '../../src/wire/key-value.ts';
import { EntryColumns, EntryKind, readChunk, readRecord } from '../../src/log/index.ts';
import type { Chunk, LogTarget, Record, VersionKind } from '../../src/log/index.ts';

export interface ModelVersion {
  readonly revision: number;
  readonly sub: number;
  /** Undefined: a tombstone. */
  readonly value: string | undefined;
}

const text = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** The state that a log gives, as simply as it can be written. */
export class ModelState {
  sequence = 0;
  revision = 1;
  compacted = 0;
  floor = 0;
  clusterId = 0n;
  epoch = 0;
  readonly keys = new Map<string, ModelVersion[]>();
  /** Lease -> sequence of its grant. */
  readonly leases = new Map<bigint, number>();
  readonly alarms = new Set<string>();

  at(key: string, revision: number): ModelVersion | undefined {
    return this.keys.get(key)?.findLast((version) => version.revision <= revision);
  }

  get isReadable(): boolean {
    return this.sequence >= this.floor && this.revision >= this.compacted;
  }

  version(kind: number, body: Uint8Array, revision: number, sub: number): void {
    const kv = decodeKeyValue(body);
    if (kv.modRevision !== revision) throw new Error(`a body of ${kv.modRevision} at revision ${revision}`);
    this.add(text(kv.key), { revision, sub, value: kind === EntryKind.put ? text(kv.value) : undefined });
    this.revision = Math.max(this.revision, revision);
  }

  add(key: string, version: ModelVersion): void {
    const versions = this.keys.get(key) ?? [];
    if (versions.some(({ revision }) => revision === version.revision)) return;
    this.keys.set(key, [...versions, version]);
  }

  record(record: Record, sequence: number): void {
    if (record.kind === 'grant') this.leases.set(record.id, sequence);
    if (record.kind === 'revoke') this.leases.delete(record.id);
    if (record.kind === 'compact') this.compacted = Math.max(this.compacted, record.revision);
    if (record.kind === 'cluster') this.clusterId = record.clusterId;
    if (record.kind === 'epoch') this.epoch = record.epoch;
    if (record.kind !== 'alarm') return;
    if (record.active) this.alarms.add(`${record.member}/${record.alarm}`);
    else this.alarms.delete(`${record.member}/${record.alarm}`);
  }

  /** Takes back what is above the last committed revision. */
  popAbove(revision: number): void {
    for (const [key, versions] of this.keys) {
      const kept = versions.filter((version) => version.revision <= revision);
      if (kept.length > 0) this.keys.set(key, kept);
      else this.keys.delete(key);
    }
  }

  /** All of it in one normal form, the same however the log was cleaned. */
  digest(): string {
    const keys = [...this.keys.keys()].sort().map((key) => {
      const newest = this.at(key, this.compacted);
      const isHidden = newest?.value === undefined && (newest?.revision ?? 0) < this.compacted;
      const versions = (this.keys.get(key) ?? []).filter(
        (version) => version.revision > this.compacted || (version === newest && !isHidden),
      );
      return versions
        .map(({ revision, sub, value }) => `${key}@${revision}.${sub}=${value ?? 'deleted'}`)
        .join();
    });
    const leases = [...this.leases].map(([id, sequence]) => `${id}:${sequence}`).sort();
    const { sequence, revision, compacted, clusterId, epoch } = this;
    const numbers = [sequence, revision, compacted, clusterId, epoch].join(' ');
    return [numbers, ...keys.filter((key) => key !== ''), ...leases, ...[...this.alarms].sort()].join('\n');
  }

  /** The entries of an uncleaned chunk. */
  applyChunk(chunk: Chunk): void {
    const columns = new EntryColumns();
    columns.parse(chunk);
    for (let i = 0; i < columns.count; i++) {
      const kind = columns.kinds[i]!;
      const offset = columns.bodyOffsets[i]!;
      const body = chunk.bytes.subarray(offset, offset + columns.bodyLengths[i]!);
      if (kind <= EntryKind.delete) this.version(kind, body, columns.revisions[i]!, columns.subs[i]!);
      else this.record(readRecord(kind, body, chunk.position), columns.sequences[i]!);
    }
    this.sequence = chunk.header.last;
  }
}

/** What a real replay is applied to. */
export class ModelTarget implements LogTarget {
  readonly state: ModelState;
  readonly #bytes: (segment: number) => Buffer;
  readonly #onApplied: (state: ModelState) => void;

  constructor(state: ModelState, bytes: (segment: number) => Buffer, onApplied: (state: ModelState) => void) {
    this.state = state;
    this.#bytes = bytes;
    this.#onApplied = onApplied;
  }

  cleanedAt(revision: number, sequence: number): void {
    this.state.compacted = Math.max(this.state.compacted, revision);
    this.state.floor = Math.max(this.state.floor, sequence);
  }

  version(
    kind: VersionKind,
    segment: number,
    offset: number,
    length: number,
    revision: number,
    sub: number,
  ): void {
    this.state.version(kind, this.#bytes(segment).subarray(offset, offset + length), revision, sub);
  }

  record(record: Record, sequence: number): void {
    this.state.record(record, sequence);
  }

  applied(sequence: number, revision: number): void {
    this.state.sequence = sequence;
    this.state.revision = Math.max(this.state.revision, revision);
    this.#onApplied(this.state);
  }
}

export function chunkOf(key: Uint8Array, value: Uint8Array): Chunk {
  return readChunk(value, Number.parseInt(Buffer.from(key).toString().slice(-14), 16));
}
