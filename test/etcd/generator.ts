import { SeededRandom } from '../../src/base/index.ts';
import { decodeResponse, encodeRequest } from './protocol.ts';
import type { Message } from './protocol.ts';
import type { Step, StepResult } from './step.ts';

const KV = '/etcdserverpb.KV/';
const LEASE = '/etcdserverpb.Lease/';
const WATCH = '/etcdserverpb.Watch/Watch';
const KEEP_ALIVE = '/etcdserverpb.Lease/LeaseKeepAlive';
const STREAMS = [WATCH, WATCH, KEEP_ALIVE] as const;

const KEYS = [
  'a', 'a/1', 'a/2', 'a/20', 'b', 'b\0', 'registry/pods/default/x', 'registry/pods/default/y', 'registry/pods/kube/z',
  'registry0', 'z', '\xff', '\xff\xff',
].map((key) => Buffer.from(key, 'latin1')); // prettier-ignore
const LEASES = ['7', '8', '9', '4611686018427387905', '-5'];
const ZERO = Buffer.from([0]);
const EMPTY = Buffer.alloc(0);

/**
 * Draws requests one by one, valid and invalid, on few keys so that they meet each other. It looks at the reference's
 * answers only to know about which revisions things are happening.
 */
export class Generator {
  readonly #random: SeededRandom;
  /** Requests that only the newer server knows, such as RangeStream. */
  readonly #newest: boolean;
  #revision = 1;
  #compacted = 0;
  #queue: Step[] = [];
  #sinceSettle = 0;
  #watchIds = 1;

  constructor(seed: number, options: { readonly newest: boolean }) {
    this.#random = new SeededRandom(seed);
    this.#newest = options.newest;
    STREAMS.forEach((path, stream) => this.#queue.push({ kind: 'open', stream, path }));
  }

  next(): Step {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    if (this.#sinceSettle++ > 24) {
      this.#sinceSettle = 0;
      if (this.#random.chance(0.5))
        this.#queue.push(this.#send(0, { progress_request: {} }), { kind: 'settle' });
      return { kind: 'settle' };
    }
    return this.#draw();
  }

  learn(step: Step, result: StepResult): void {
    if (step.kind !== 'call' || result.kind !== 'call') return;
    const [bytes] = result.outcome.messages;
    if (bytes === undefined || result.outcome.error !== undefined) return;
    const header = decodeResponse(step.path, bytes)['header'] as Message | null | undefined;
    this.#revision = Math.max(this.#revision, Number(header?.['revision'] ?? 0));
    if (step.path === `${KV}Compact`) this.#compacted = this.#revision;
  }

  #draw(): Step {
    const roll = this.#random.int(0, 999);
    if (roll < 280) return this.#call(`${KV}Range`, this.#range());
    if (roll < 310 && this.#newest) return this.#call(`${KV}RangeStream`, this.#range());
    if (roll < 500) return this.#call(`${KV}Put`, this.#put());
    if (roll < 580) return this.#call(`${KV}DeleteRange`, this.#deleteRange());
    if (roll < 780) return this.#call(`${KV}Txn`, this.#txn(0));
    if (roll < 795) return this.#call(`${KV}Compact`, this.#compact());
    if (roll < 875) return this.#lease();
    if (roll < 890) return this.#call('/etcdserverpb.Maintenance/HashKV', { revision: this.#aRevision() });
    if (roll < 900)
      return this.#call('/etcdserverpb.Maintenance/Alarm', { action: this.#random.pick([0, 0, 0, 2]) });
    if (roll < 960) return this.#watch();
    return this.#broken();
  }

  #call(path: string, message: Message): Step {
    return { kind: 'call', path, request: encodeRequest(path, message) };
  }

  #send(stream: number, message: Message): Step {
    return { kind: 'send', stream, request: encodeRequest(STREAMS[stream]!, message) };
  }

  /** A valid request cut or with a byte changed; for 3.6, whose parser differs in what a changed byte may mean, cut. */
  #broken(): Step {
    const path = this.#random.pick([`${KV}Range`, `${KV}Put`, `${KV}DeleteRange`, `${KV}Txn`]);
    const message = path.endsWith('Txn') ? this.#txn(0) : path.endsWith('Put') ? this.#put() : this.#range();
    let request = encodeRequest(path, message);
    const at = this.#random.int(0, Math.max(0, request.length - 1));
    const isCut = this.#random.chance(0.5);
    const byte = isCut || request.length === 0 ? 0 : this.#random.int(0, 255);
    if (isCut || !this.#newest) request = request.subarray(0, at);
    else if (request.length > 0) request[at] = byte;
    return { kind: 'call', path, request };
  }

  #key(): Buffer {
    return this.#random.chance(0.02) ? EMPTY : this.#random.pick(KEYS);
  }

  #rangeEnd(key: Buffer): Buffer {
    const roll = this.#random.next();
    if (roll < 0.4) return EMPTY;
    if (roll < 0.55) return ZERO;
    if (roll < 0.8 && key.length > 0 && key.at(-1)! < 0xff) {
      const end = Buffer.from(key);
      end[end.length - 1] = end[end.length - 1]! + 1;
      return end;
    }
    return this.#random.pick(KEYS);
  }

  #value(): Buffer {
    if (this.#random.chance(0.1)) return EMPTY;
    return Buffer.from(this.#random.pick(['1', '2', '3', 'x'.repeat(this.#random.int(1, 300))]));
  }

  /** Mostly 0; else around what is there, compacted, future, or negative. */
  #aRevision(): number {
    if (this.#random.chance(0.6)) return 0;
    if (this.#random.chance(0.06)) return -this.#random.int(1, 9);
    return this.#random.int(Math.max(0, this.#compacted - 3), this.#revision + 2);
  }

  #range(): Message {
    const random = this.#random;
    const key = this.#key();
    const near = (chance: number) => (random.chance(chance) ? random.int(1, this.#revision + 1) : 0);
    const sorted = random.chance(0.3);
    return {
      key,
      range_end: this.#rangeEnd(key),
      limit: random.chance(0.4) ? random.int(-1, 6) : 0,
      revision: this.#aRevision(),
      sort_order: sorted ? random.int(0, 2) : random.chance(0.01) ? 3 : 0,
      sort_target: sorted ? random.int(0, 4) : random.chance(0.01) ? 9 : 0,
      serializable: random.chance(0.3),
      keys_only: random.chance(0.15),
      count_only: random.chance(0.12),
      min_mod_revision: near(0.06),
      max_mod_revision: near(0.06),
      min_create_revision: near(0.06),
      max_create_revision: near(0.06),
    };
  }

  #put(): Message {
    const random = this.#random;
    const ignoreValue = random.chance(0.08);
    const ignoreLease = random.chance(0.08);
    return {
      key: this.#key(),
      value: ignoreValue && random.chance(0.8) ? EMPTY : this.#value(),
      lease: random.chance(ignoreLease ? 0.1 : 0.2) ? random.pick(LEASES) : '0',
      prev_kv: random.chance(0.4),
      ignore_value: ignoreValue,
      ignore_lease: ignoreLease,
    };
  }

  #deleteRange(): Message {
    const key = this.#key();
    const range_end = this.#random.chance(0.6) ? EMPTY : this.#rangeEnd(key);
    return { key, range_end, prev_kv: this.#random.chance(0.5) };
  }

  #compare(): Message {
    const random = this.#random;
    const key = this.#key();
    const target = random.int(0, 4);
    const operand = random.chance(0.92) ? target : random.int(0, 4);
    const number = random.chance(0.5) ? random.int(0, 3) : random.int(0, this.#revision);
    const operands: Message[] = [
      { version: number },
      { create_revision: number },
      { mod_revision: number },
      { value: this.#value() },
      { lease: random.pick([...LEASES, '0']) },
    ];
    return {
      result: random.chance(0.97) ? random.int(0, 3) : 7,
      target,
      key,
      range_end: random.chance(0.8) ? EMPTY : this.#rangeEnd(key),
      ...(random.chance(0.95) ? operands[operand]! : {}),
    };
  }

  #txn(depth: number): Message {
    const random = this.#random;
    const some = (max: number, draw: () => Message) => Array.from({ length: random.int(0, max) }, draw);
    const op = (): Message => {
      const roll = random.next();
      if (roll < 0.01) return {};
      if (roll < 0.3) return { request_range: this.#range() };
      if (roll < 0.7) return { request_put: this.#put() };
      if (roll < 0.85 || depth >= 3) return { request_delete_range: this.#deleteRange() };
      return { request_txn: this.#txn(depth + 1) };
    };
    if (depth === 0 && random.chance(0.01)) {
      const many = Array.from({ length: 130 }, () => ({ request_range: { key: KEYS[0] } }));
      return { compare: [], success: many, failure: [] };
    }
    return { compare: some(2, () => this.#compare()), success: some(4, op), failure: some(4, op) };
  }

  #compact(): Message {
    const near = this.#random.chance(0.7);
    const revision = near ? this.#random.int(this.#compacted, this.#revision) : this.#aRevision();
    return { revision, physical: this.#random.chance(0.5) };
  }

  #lease(): Step {
    const random = this.#random;
    const ID = random.pick(LEASES);
    const roll = random.next();
    // Long enough that none expires while the run lasts, and so far apart that the order in which they would does not
    // depend on how fast the requests follow each other.
    const TTL = random.chance(0.9) ? random.int(10, 18) * 500 : random.pick([9_000_000_001, 9_000_000_000]);
    if (roll < 0.45) return this.#call(`${LEASE}LeaseGrant`, { ID, TTL });
    if (roll < 0.6) return this.#call(`${LEASE}LeaseRevoke`, { ID });
    if (roll < 0.75) return this.#call(`${LEASE}LeaseTimeToLive`, { ID, keys: random.chance(0.7) });
    if (roll < 0.85) return this.#call(`${LEASE}LeaseLeases`, {});
    return this.#send(2, { ID });
  }

  #watch(): Step {
    const random = this.#random;
    const stream = random.int(0, 1);
    if (random.chance(0.25)) {
      // etcd may drop what is under way to a watcher that is cancelled: first let it arrive.
      this.#queue.push(this.#send(stream, { cancel_request: { watch_id: random.int(0, this.#watchIds) } }));
      return { kind: 'settle' };
    }
    const key = this.#key();
    this.#watchIds++;
    const start_revision = random.chance(0.5) ? this.#aRevision() : 0;
    // etcd lets a watcher of the past wait for up to 100 ms: what is compacted meanwhile is a matter of timing.
    if (start_revision !== 0) this.#queue.push({ kind: 'settle' });
    return this.#send(stream, {
      create_request: {
        key,
        range_end: this.#rangeEnd(key),
        start_revision,
        progress_notify: random.chance(0.2),
        filters: random.chance(0.2) ? [random.int(0, 1)] : [],
        prev_kv: random.chance(0.6),
        watch_id: random.chance(0.15) ? random.int(1, 60) : 0,
        fragment: random.chance(0.2),
      },
    });
  }
}
