import type { Bytes } from '../base/index.ts';
import type { WatchResponseHead } from '../wire/index.ts';
import { encodeWatchResponseHead, varintSize, writeVarint } from '../wire/index.ts';
import type { WatchSource } from './source.ts';

const WATCH_ID = 0x10;
/** Heads of one revision are remembered for ids below this: the streams of one client count alike. */
const REMEMBERED_IDS_MAX = 4096;
const POOL_BYTES = 64 * 1024;

/**
 * Encodes the heads of responses. Those of events differ only in revision and watch id: the part that the revision gives
 * is encoded once and copied.
 */
export class Heads {
  readonly #source: WatchSource;
  #prefix: Bytes = Buffer.alloc(0);
  #revision = -1;
  #raftTerm = -1;
  #generation = 0;
  readonly #heads: Bytes[] = [];
  readonly #generations: number[] = [];
  #pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  #poolUsed = 0;

  constructor(source: WatchSource) {
    this.#source = source;
  }

  /** The `events` heads that follow are for this header revision. */
  begin(revision: number): void {
    const header = this.#source.header(revision);
    if (this.#revision === revision && this.#raftTerm === header.raftTerm) return;
    this.#prefix = encodeWatchResponseHead({ ...PLAIN, header });
    this.#revision = revision;
    this.#raftTerm = header.raftTerm;
    this.#generation++;
  }

  /** The head of an ordinary response with events. */
  events(watchId: number): Bytes {
    if (watchId < 0 || watchId >= REMEMBERED_IDS_MAX) return this.#encode(watchId);
    if (this.#generations[watchId] === this.#generation) return this.#heads[watchId]!;
    while (this.#heads.length <= watchId) {
      this.#heads.push(this.#prefix);
      this.#generations.push(-1);
    }
    const head = this.#encode(watchId);
    this.#heads[watchId] = head;
    this.#generations[watchId] = this.#generation;
    return head;
  }

  /** Any head, with a header of this revision. */
  other(revision: number, fields: Partial<Omit<WatchResponseHead, 'header'>>): Bytes {
    return encodeWatchResponseHead({ ...PLAIN, ...fields, header: this.#source.header(revision) });
  }

  #encode(watchId: number): Bytes {
    const prefix = this.#prefix;
    const size = prefix.length + (watchId === 0 ? 0 : 1 + varintSize(watchId));
    if (this.#poolUsed + size > POOL_BYTES) {
      this.#pool = Buffer.allocUnsafeSlow(POOL_BYTES);
      this.#poolUsed = 0;
    }
    const start = this.#poolUsed;
    let at = start;
    for (let i = 0; i < prefix.length; i++) this.#pool[at++] = prefix[i]!;
    if (watchId !== 0) {
      this.#pool[at++] = WATCH_ID;
      at = writeVarint(this.#pool, at, watchId);
    }
    this.#poolUsed = at;
    return this.#pool.subarray(start, at);
  }
}

const PLAIN: WatchResponseHead = {
  header: undefined,
  watchId: 0,
  created: false,
  canceled: false,
  compactRevision: 0,
  cancelReason: '',
  fragment: false,
};
