import type { Bytes } from '../base/index.ts';
import { damagedRecord, isCount, isTexts, readRecordForm } from './record-form.ts';
import type { RecordForm } from './record-form.ts';

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

const FORM: RecordForm = {
  name: 'the members record',
  format: 1,
  remedy: 'stop all nodes, delete it, and start them again',
};

export function encodeMembersRecord({ change, writes, members }: MembersRecord): Bytes {
  const entries = members.map(({ name, incarnation, peerUrls, clientUrls, knows, counter }) => {
    return { name, incarnation, peerUrls, clientUrls, knows, counter };
  });
  return Buffer.from(JSON.stringify({ format: FORM.format, change, writes, members: entries }));
}

/** Throws ClusterError `record-damaged`, or `record-format` when a newer program wrote it. */
export function decodeMembersRecord(bytes: Bytes): MembersRecord {
  const { change, writes, members } = readRecordForm(FORM, bytes, isRecord);
  if (members.length > MEMBERS_MAX)
    throw damagedRecord(FORM, `${members.length} members, at most ${MEMBERS_MAX}`);
  if (new Set(members.map(({ name }) => name)).size < members.length)
    throw damagedRecord(FORM, 'a name is there twice');
  const ignorant = members.find(({ knows }) => knows < writes);
  if (ignorant !== undefined)
    throw damagedRecord(FORM, `format ${writes} is written, and ${ignorant.name} knows ${ignorant.knows}`);
  return {
    change,
    writes,
    members: members.map(({ name, incarnation, peerUrls, clientUrls, knows, counter }) => {
      return { name, incarnation, peerUrls, clientUrls, knows, counter };
    }),
  };
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
