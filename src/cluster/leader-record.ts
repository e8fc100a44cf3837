import type { Bytes } from '../base/index.ts';
import { isCount, isTexts, readRecordForm } from './record-form.ts';
import type { RecordForm } from './record-form.ts';

/** Who leads, or led: the one record that nodes fight over. It decides nothing about the log, which has its own fence. */
export interface LeaderRecord {
  /** One start of one node: a node that starts again is somebody else. */
  readonly holder: string;
  /** The holder's `--name`. */
  readonly name: string;
  /** Where other nodes reach the holder. */
  readonly peerUrls: readonly string[];
  /** Higher than every one before. */
  readonly epoch: number;
  /** Changes with every claim and renewal, so that who looks twice sees whether the holder lives. */
  readonly counter: number;
  /** How long the holder may answer without having renewed it: who waits for its end waits for that, not for a lease of its own. */
  readonly leaseMs: number;
  /** The holder has given it up: nobody needs to wait for the end of its lease. */
  readonly released: boolean;
  /** Who is to have it next, an incarnation: the others let it go first. Empty: anybody. */
  readonly to: string;
}

/** It only says who may try to write, so that it can be done without. */
const FORM: RecordForm = {
  name: 'the leader record',
  format: 1,
  remedy: 'with all nodes stopped, remove its key, engram/KEYSPACE/leader',
};

export function encodeLeaderRecord(record: LeaderRecord): Bytes {
  const { holder, name, peerUrls, epoch, counter, leaseMs, released, to } = record;
  const { format } = FORM;
  return Buffer.from(
    JSON.stringify({ format, holder, name, peerUrls, epoch, counter, leaseMs, released, to }),
  );
}

/** Throws ClusterError `record-damaged`, or `record-format` when a newer program wrote it. */
export function decodeLeaderRecord(bytes: Bytes): LeaderRecord {
  const record = readRecordForm(FORM, bytes, isRecord);
  const { holder, name, peerUrls, epoch, counter, leaseMs, released, to } = record;
  return { holder, name, peerUrls, epoch, counter, leaseMs, released, to };
}

function isRecord(found: unknown): found is LeaderRecord {
  const record = found as Partial<Record<keyof LeaderRecord, unknown>>;
  return (
    typeof record.holder === 'string' &&
    typeof record.name === 'string' &&
    isTexts(record.peerUrls) &&
    isCount(record.epoch, 1) &&
    isCount(record.counter, 0) &&
    isCount(record.leaseMs, 1) &&
    typeof record.released === 'boolean' &&
    typeof record.to === 'string'
  );
}
