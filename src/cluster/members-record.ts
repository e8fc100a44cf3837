import type { Bytes } from '../base/index.ts';
import { ClusterError } from './errors.ts';

/** A node as it has registered itself. */
export interface RegisteredMember {
  /** Its `--name`. */
  readonly name: string;
  /** One start of one node: a node that starts again is somebody else. */
  readonly incarnation: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** The highest chunk format that it reads. */
  readonly knows: number;
  /** Counts heartbeats, so that who looks twice sees whether it lives. */
  readonly counter: number;
}

/** Who belongs to the cluster, and which chunks all of them can read. No two are ever the same bytes. */
export interface MembersRecord {
  /** Counts replacements: a late copy of an old one finds that nothing is as it was. */
  readonly change: number;
  /** The chunk format in use. No member knows less. */
  readonly writes: number;
  /** At most `MEMBERS_MAX`, no two of one name. */
  readonly members: readonly RegisteredMember[];
}

export const MEMBERS_MAX = 64;
/** Of one member in the record. */
export const MEMBER_BYTES_MAX = 4096;
/** Nobody has registered yet: what was written before there was this record has the first format. */
export const EMPTY_MEMBERS: MembersRecord = { change: 0, writes: 1, members: [] };

const FORMAT = 1;

export function encodeMembersRecord({ change, writes, members }: MembersRecord): Bytes {
  const entries = members.map(({ name, incarnation, peerUrls, clientUrls, knows, counter }) => {
    return { name, incarnation, peerUrls, clientUrls, knows, counter };
  });
  return Buffer.from(JSON.stringify({ format: FORMAT, change, writes, members: entries }));
}

/** Throws ClusterError `record-damaged`, or `record-format` when a newer program wrote it. */
export function decodeMembersRecord(bytes: Bytes): MembersRecord {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
  const format = typeof found === 'object' && found !== null && 'format' in found ? found.format : undefined;
  if (typeof format === 'number' && format > FORMAT) {
    const text = `Cannot read the members record: it has format ${format} and this program knows ${FORMAT}`;
    throw new ClusterError('record-format', `${text} (use a newer version)`);
  }
  if (format !== FORMAT || !isRecord(found)) throw damaged('fields are missing or wrong');
  const { change, writes, members } = found;
  if (members.length > MEMBERS_MAX) throw damaged(`${members.length} members, at most ${MEMBERS_MAX}`);
  if (new Set(members.map(({ name }) => name)).size < members.length) throw damaged('a name is there twice');
  const ignorant = members.find(({ knows }) => knows < writes);
  if (ignorant !== undefined)
    throw damaged(`format ${writes} is written, and ${ignorant.name} knows ${ignorant.knows}`);
  return {
    change,
    writes,
    members: members.map(({ name, incarnation, peerUrls, clientUrls, knows, counter }) => {
      return { name, incarnation, peerUrls, clientUrls, knows, counter };
    }),
  };
}

function damaged(found: string, cause?: unknown): ClusterError {
  const text = `Cannot read the members record: ${found} (stop all nodes, delete it, and start them again)`;
  return new ClusterError('record-damaged', text, { cause });
}

function isRecord(found: unknown): found is MembersRecord {
  const record = found as Partial<Record<keyof MembersRecord, unknown>>;
  return (
    isCount(record.change, 0) &&
    isCount(record.writes, 1) &&
    Array.isArray(record.members) &&
    record.members.every((member) => isMember(member))
  );
}

function isMember(found: unknown): found is RegisteredMember {
  if (typeof found !== 'object' || found === null) return false;
  const member = found as Partial<Record<keyof RegisteredMember, unknown>>;
  return (
    typeof member.name === 'string' &&
    typeof member.incarnation === 'string' &&
    isTexts(member.peerUrls) &&
    isTexts(member.clientUrls) &&
    isCount(member.knows, 1) &&
    isCount(member.counter, 0)
  );
}

function isTexts(found: unknown): found is readonly string[] {
  return Array.isArray(found) && found.every((text) => typeof text === 'string');
}

function isCount(found: unknown, min: number): found is number {
  return Number.isSafeInteger(found) && (found as number) >= min;
}
