import type { Bytes } from '../base/index.ts';
import { ClusterError } from './errors.ts';

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
  /** Counts renewals, so that who looks twice sees whether the holder lives. */
  readonly counter: number;
  /** The holder has given it up: nobody needs to wait for the end of its lease. */
  readonly released: boolean;
  /** Who is to have it next, an incarnation: the others let it go first. Empty: anybody. */
  readonly to: string;
}

const FORMAT = 1;

export function encodeLeaderRecord(record: LeaderRecord): Bytes {
  const { holder, name, peerUrls, epoch, counter, released, to } = record;
  return Buffer.from(
    JSON.stringify({ format: FORMAT, holder, name, peerUrls, epoch, counter, released, to }),
  );
}

/** Throws ClusterError `record-damaged`, or `record-format` when a newer program wrote it. */
export function decodeLeaderRecord(bytes: Bytes): LeaderRecord {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
  const format = typeof found === 'object' && found !== null && 'format' in found ? found.format : undefined;
  if (typeof format === 'number' && format > FORMAT) {
    const text = `Cannot read the leader record: it has format ${format} and this program knows ${FORMAT}`;
    throw new ClusterError('record-format', `${text} (use a newer version)`);
  }
  if (format !== FORMAT || !isRecord(found)) throw damaged('fields are missing or wrong');
  const { holder, name, peerUrls, epoch, counter, released, to } = found;
  return { holder, name, peerUrls, epoch, counter, released, to };
}

function isRecord(found: unknown): found is LeaderRecord {
  const record = found as Partial<Record<keyof LeaderRecord, unknown>>;
  return (
    typeof record.holder === 'string' &&
    typeof record.name === 'string' &&
    Array.isArray(record.peerUrls) &&
    record.peerUrls.every((url) => typeof url === 'string') &&
    isCount(record.epoch, 1) &&
    isCount(record.counter, 0) &&
    typeof record.released === 'boolean' &&
    typeof record.to === 'string'
  );
}

function isCount(found: unknown, min: number): boolean {
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= min;
}

/** It only says who may try to write, so that it can be done without. */
function damaged(why: string, cause?: unknown): ClusterError {
  const text = `Cannot read the leader record: ${why} (with all nodes stopped, remove its key, engram/KEYSPACE/leader)`;
  return new ClusterError('record-damaged', text, { cause });
}
