import { MESSAGE_HEAD_BYTES } from '../../../test/support/frames.ts';
import { headerRevision, txnSucceeded } from './answers.ts';
import { isKeptAlive, KEEP_ALIVE, KEEP_ALIVE_BYTES, writeKeepAlive } from './keep-alive-request.ts';
import { KEY_DIGITS, markedValue, Template } from './template.ts';

const KV = '/etcdserverpb.KV';
const REVISION_BYTES_MAX = 5;

/** What a client of a closed loop sends and what it expects. One object serves all clients of a run. */
export interface Shape {
  readonly path: string;
  /** Whether `isRight` looks at the answer's first bytes. */
  readonly readsAnswer: boolean;
  /** The key of a client's next call, or -1 when it has nothing left to do. `turn` counts its calls from 0. */
  keyOf(client: number, turn: number): number;
  bytes(key: number): number;
  write(target: Buffer, at: number, key: number): void;
  /** Whether an answer with status OK is the expected one: its body, or the first bytes of it, and its length. */
  isRight(key: number, body: Buffer, bodyBytes: number): boolean;
}

export type ShapeName =
  'range' | 'rangeSerializable' | 'put' | 'load' | 'create' | 'update' | 'delete' | 'keepAlive';

export interface ShapeOptions {
  /** Clients of the run. */
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** What the keys start with; the number of the key follows. */
  readonly prefix: string;
}

/** The revisions of the keys that creates have made, which updates and deletes compare with. */
export class Created {
  readonly revisions: Float64Array;
  /** Keys below this number were tried to be created. */
  count = 0;

  constructor(keysMax: number) {
    this.revisions = new Float64Array(keysMax);
  }
}

export function shapeOf(name: ShapeName, options: ShapeOptions, created: Created): Shape {
  switch (name) {
    case 'range':
      return new RangeShape(options, false);
    case 'rangeSerializable':
      return new RangeShape(options, true);
    case 'put':
      return new PutShape(options);
    case 'load':
      return new LoadShape(options);
    case 'create':
      return new CreateShape(options, created);
    case 'update':
      return new ReplaceShape(options, created, 'put');
    case 'delete':
      return new ReplaceShape(options, created, 'delete');
    case 'keepAlive':
      return new KeepAliveShape(options);
  }
}

/** Keys in an order that has nothing to do with theirs, each client its own. */
function scattered(client: number, turn: number, keys: number): number {
  return (Math.imul(turn * 257 + client, 0x2c1b3c6d) >>> 0) % keys;
}

const keyBytes = (prefix: string): Buffer => Buffer.from(`${prefix}${KEY_DIGITS}`);

class RangeShape implements Shape {
  readonly path = `${KV}/Range`;
  readonly readsAnswer = false;
  readonly #template: Template;
  readonly #options: ShapeOptions;

  constructor(options: ShapeOptions, serializable: boolean) {
    this.#options = options;
    const message = { key: keyBytes(options.prefix), ...(serializable ? { serializable } : {}) };
    this.#template = new Template(this.path, message);
  }

  keyOf(client: number, turn: number): number {
    return scattered(client, turn, this.#options.keys);
  }

  bytes(): number {
    return this.#template.bytes.length;
  }

  write(target: Buffer, at: number, key: number): void {
    this.#template.write(target, at, key);
  }

  isRight(_key: number, _body: Buffer, bodyBytes: number): boolean {
    return bodyBytes > MESSAGE_HEAD_BYTES + this.#options.valueBytes;
  }
}

class PutShape implements Shape {
  readonly path = `${KV}/Put`;
  readonly readsAnswer = false;
  readonly #template: Template;
  readonly #keys: number;

  constructor({ prefix, keys, valueBytes }: ShapeOptions) {
    const value = markedValue(valueBytes);
    this.#template = new Template(this.path, { key: keyBytes(prefix), value }, value);
    this.#keys = keys;
  }

  keyOf(client: number, turn: number): number {
    return scattered(client, turn, this.#keys);
  }

  bytes(): number {
    return this.#template.bytes.length;
  }

  write(target: Buffer, at: number, key: number): void {
    this.#template.write(target, at, key);
  }

  isRight(_key: number, _body: Buffer, bodyBytes: number): boolean {
    return bodyBytes > MESSAGE_HEAD_BYTES;
  }
}

/** Puts each key once, in an order that is not theirs, then has nothing left to do. */
class LoadShape extends PutShape {
  readonly #count: number;
  #next = 0;

  constructor(options: ShapeOptions) {
    super(options);
    this.#count = options.keys;
  }

  override keyOf(): number {
    // Prime, so that every key has its turn as long as their number is no multiple of it.
    return this.#next < this.#count ? (this.#next++ * 7919) % this.#count : -1;
  }
}

/** As kube-apiserver creates: if there is no such key, put it. */
class CreateShape implements Shape {
  readonly path = `${KV}/Txn`;
  readonly readsAnswer = true;
  readonly #template: Template;
  readonly #created: Created;

  constructor({ prefix, valueBytes }: ShapeOptions, created: Created) {
    const [key, value] = [keyBytes(prefix), markedValue(valueBytes)];
    const compare = [{ target: 2, key, mod_revision: 0 }];
    const message = { compare, success: [{ request_put: { key, value } }] };
    this.#template = new Template(this.path, message, value);
    this.#created = created;
  }

  keyOf(): number {
    const { count, revisions } = this.#created;
    return count < revisions.length ? this.#created.count++ : -1;
  }

  bytes(): number {
    return this.#template.bytes.length;
  }

  write(target: Buffer, at: number, key: number): void {
    this.#template.write(target, at, key);
  }

  isRight(key: number, body: Buffer, bodyBytes: number): boolean {
    if (!txnSucceeded(body, bodyBytes)) return false;
    this.#created.revisions[key] = headerRevision(body, bodyBytes);
    return true;
  }
}

/** As kube-apiserver updates and deletes: if the key is as it was read, put or delete it, else get it. */
class ReplaceShape implements Shape {
  readonly path = `${KV}/Txn`;
  readonly readsAnswer = true;
  /** One for each number of bytes that a revision takes. */
  readonly #templates: readonly RevisionTemplate[];
  readonly #created: Created;
  readonly #clients: number;
  readonly #isDelete: boolean;

  constructor({ prefix, valueBytes, clients }: ShapeOptions, created: Created, kind: 'put' | 'delete') {
    const [key, value] = [keyBytes(prefix), markedValue(valueBytes)];
    const isDelete = kind === 'delete';
    const message = (modRevision: number): Record<string, unknown> => ({
      compare: [{ target: 2, key, mod_revision: modRevision }],
      success: [isDelete ? { request_delete_range: { key } } : { request_put: { key, value } }],
      failure: [{ request_range: { key } }],
    });
    this.#templates = Array.from({ length: REVISION_BYTES_MAX }, (_, at) => {
      const [first, second] = [at === 0 ? 1 : 2 ** (7 * at), at === 0 ? 2 : 2 ** (7 * at) + 1];
      const template = new Template(this.path, message(first), isDelete ? undefined : value);
      return {
        template,
        revisionAt: firstDifference(template.bytes, new Template(this.path, message(second)).bytes),
      };
    });
    this.#created = created;
    this.#clients = clients;
    this.#isDelete = isDelete;
  }

  /** Each client has the keys to itself that leave its number as remainder, so that every compare holds. */
  keyOf(client: number, turn: number): number {
    const mine = Math.floor((this.#created.count - client + this.#clients - 1) / this.#clients);
    if (mine <= 0 || (this.#isDelete && turn >= mine)) return -1;
    return client + (turn % mine) * this.#clients;
  }

  bytes(key: number): number {
    return this.#of(key).template.bytes.length;
  }

  write(target: Buffer, at: number, key: number): void {
    const { template, revisionAt } = this.#of(key);
    template.write(target, at, key);
    let rest = this.#created.revisions[key]!;
    let position = at + revisionAt;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[position++] = (rest % 0x80) | 0x80;
    target[position] = rest;
  }

  isRight(key: number, body: Buffer, bodyBytes: number): boolean {
    if (!txnSucceeded(body, bodyBytes)) return false;
    this.#created.revisions[key] = headerRevision(body, bodyBytes);
    return true;
  }

  #of(key: number): RevisionTemplate {
    const revision = this.#created.revisions[key]!;
    const bytes = revision < 128 ? 1 : Math.floor(Math.log2(revision) / 7) + 1;
    return this.#templates[bytes - 1]!;
  }
}

/** As a Go client's KeepAliveOnce: a stream for each. Keys are leases. */
class KeepAliveShape implements Shape {
  readonly path = KEEP_ALIVE;
  readonly readsAnswer = true;
  readonly #leases: number;

  constructor({ keys }: ShapeOptions) {
    this.#leases = keys;
  }

  keyOf(client: number, turn: number): number {
    return scattered(client, turn, this.#leases);
  }

  bytes(): number {
    return KEEP_ALIVE_BYTES;
  }

  write(target: Buffer, at: number, key: number): void {
    writeKeepAlive(target, at, key);
  }

  isRight(_key: number, body: Buffer, bodyBytes: number): boolean {
    return isKeptAlive(body, bodyBytes);
  }
}

interface RevisionTemplate {
  readonly template: Template;
  /** Where the revision to compare with is. */
  readonly revisionAt: number;
}

function firstDifference(a: Buffer, b: Buffer): number {
  return a.findIndex((byte, at) => byte !== b[at]);
}
