import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../index.ts';
import { decodeMark, encodeMark, MARK_BYTES } from './mark.ts';
import type { Mark } from './mark.ts';

export const WITNESS_FILE = 'acknowledged';

/**
 * The side file: the mark of the last acknowledged commit. LevelDB drops the records after a damaged one without a
 * word; the store then ends below this mark, and is refused.
 *
 * It is written with one call after each durable commit and before its answer, and not synced: that holds against all
 * damage but a power failure that also takes the last seconds of this file, and then the store may be ahead of it.
 */
export class Witness {
  readonly path: string;
  readonly #file: number;
  #isOpen = true;

  constructor(directory: string) {
    this.path = join(directory, WITNESS_FILE);
    this.#file = openSync(this.path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** Undefined when the file is empty; `damaged` when it holds no whole mark. */
  read(): Mark | 'damaged' | undefined {
    const bytes = Buffer.alloc(MARK_BYTES);
    const length = readSync(this.#file, bytes, 0, MARK_BYTES, 0);
    if (length === 0) return undefined;
    return decodeMark(bytes.subarray(0, length)) ?? 'damaged';
  }

  /** So few bytes at the start of a file that has them already are written whole, or not at all. */
  write(mark: Mark): void {
    writeSync(this.#file, encodeMark(mark), 0, MARK_BYTES, 0);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }
}

/**
 * Refuses a store that lacks what it acknowledged. A store may be ahead: a commit that was stored and not acknowledged,
 * or a side file whose last seconds a power failure took.
 *
 * @param where the store, and where in it its end was found.
 * @throws EngineError `behind`
 */
export function judgeMark(options: {
  where: string;
  witness: Witness;
  acknowledged: Mark;
  stored: Mark;
}): void {
  const { where, witness, acknowledged, stored } = options;
  if (stored.commit > acknowledged.commit) return;
  if (stored.commit === acknowledged.commit && stored.checksum === acknowledged.checksum) return;
  const found =
    stored.commit < acknowledged.commit
      ? `it ends with commit ${stored.commit}, but commit ${acknowledged.commit} was acknowledged`
      : `its last commit ${stored.commit} is not the one that was acknowledged (checksums ${hex(stored.checksum)} ` +
        `and ${hex(acknowledged.checksum)})`;
  throw new EngineError(
    'behind',
    `Cannot open ${where}: ${found}. The files are damaged, or were replaced by older ones: restore the whole data ` +
      `directory from a backup, or, to go on without what is lost, remove ${witness.path}`,
  );
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}
