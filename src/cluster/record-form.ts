import type { Bytes } from '../base/index.ts';
import { ClusterError } from './errors.ts';

/** How records that nodes share are stored: as JSON with the number of their format. */
export interface RecordForm {
  /** For messages: `the leader record`. */
  readonly name: string;
  /** The newest format that this program knows. */
  readonly format: number;
  /** What to do about one that cannot be read. */
  readonly remedy: string;
}

/** Throws ClusterError `record-damaged`, or `record-format` when a newer program wrote it. */
export function readRecordForm<T>(
  form: RecordForm,
  bytes: Bytes,
  isRecord: (found: unknown) => found is T,
): T {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  } catch (cause) {
    throw damagedRecord(form, 'it is not JSON', cause);
  }
  const format = typeof found === 'object' && found !== null && 'format' in found ? found.format : undefined;
  if (typeof format === 'number' && format > form.format) {
    const text = `Cannot read ${form.name}: it has format ${format} and this program knows ${form.format}`;
    throw new ClusterError('record-format', `${text} (use a newer version)`);
  }
  if (format !== form.format || !isRecord(found)) throw damagedRecord(form, 'fields are missing or wrong');
  return found;
}

export function damagedRecord({ name, remedy }: RecordForm, why: string, cause?: unknown): ClusterError {
  return new ClusterError('record-damaged', `Cannot read ${name}: ${why} (${remedy})`, { cause });
}

export function isCount(found: unknown, min: number): found is number {
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= min;
}

export function isTexts(found: unknown): found is readonly string[] {
  return Array.isArray(found) && found.every((text) => typeof text === 'string');
}
