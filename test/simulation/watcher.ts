import { decodeResponse } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';
import type { WatchRecord, WatchResponse, WatchSpec } from '../validators/watch.ts';
import { joinFragments, validateComplete, validateWatch } from '../validators/watch.ts';
import type { Bytes } from '../../src/base/index.ts';
import type { WatchStream } from '../../src/watch/index.ts';
import type { Oracle } from './oracle.ts';
import type { World } from './world.ts';

export const WATCH = '/etcdserverpb.Watch/Watch';
const latin1 = (bytes: unknown): string => (bytes as Buffer).toString('latin1');

/** One incarnation of a node, as watchers see it. */
export interface WatchServer {
  readonly owner: string;
  /** Undefined: it serves nobody now. */
  watch(
    receive: (response: Bytes) => void,
    ended: (code: string) => void,
    needsLeader: boolean,
  ): WatchStream | undefined;
}

/** Why a stream may end: when the engine cannot be read for long, and one that needs it gives up. The client comes again. */
const MAY_END_BY: ReadonlySet<string> = new Set(['unavailable']);

/** One watcher that resumes where it was whenever its node is gone, as etcd's clients do. */
export class Watcher {
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #spec: Omit<WatchSpec, 'startRevision'>;
  readonly #isFragmented: boolean;
  readonly #needsLeader: boolean;
  readonly #lives: WatchRecord[] = [];
  #life: WatchRecord | undefined;
  #node: WatchServer | undefined;
  readonly #mayEndBy: ReadonlySet<string>;
  #stream: WatchStream | undefined;
  /** The next revision that it has not seen; 0 before the first `created`. */
  #next = 0;
  /** The fragments so far of a response that is not complete. */
  #fragments: WatchResponse[] = [];

  constructor(
    world: World,
    oracle: Oracle,
    spec: Omit<WatchSpec, 'startRevision'>,
    options: {
      readonly isFragmented: boolean;
      readonly mayEndBy?: ReadonlySet<string>;
      /** The stream carries etcd's `hasleader`. */
      readonly needsLeader?: boolean;
    },
  ) {
    this.#world = world;
    this.#oracle = oracle;
    this.#spec = spec;
    this.#isFragmented = options.isFragmented;
    this.#needsLeader = options.needsLeader === true;
    this.#mayEndBy = options.mayEndBy ?? MAY_END_BY;
  }

  /** Follows the node through its incarnations; now and then gives up by itself and resumes. */
  async run(node: () => WatchServer | undefined): Promise<void> {
    for (;;) {
      await this.#world.sleep('watchers', 20 + this.#world.random.next() * 60);
      const current = node();
      if (current === undefined) continue;
      if (current !== this.#node || this.#life === undefined) this.#begin(current);
      else if (this.#world.random.chance(0.02)) this.#leave();
      else if (this.#world.random.chance(0.2)) this.#stream?.receive({ kind: 'progress' });
    }
  }

  #leave(): void {
    this.#stream?.close();
    this.#life = undefined;
  }

  #begin(node: WatchServer): void {
    // Another node may be asked while this one lives.
    this.#stream?.close();
    const spec: WatchSpec = { ...this.#spec, startRevision: this.#next };
    const life: WatchRecord = { spec, responses: [] };
    this.#lives.push(life);
    [this.#life, this.#node] = [life, node];
    this.#fragments = [];
    this.#stream = node.watch(
      (bytes) => {
        // What a closed connection had under way is lost with it.
        if (this.#life === life) this.#receive(life, decodeResponse(WATCH, Buffer.from(bytes)));
      },
      (reason) => {
        this.#oracle.expect(this.#mayEndBy.has(reason), () => `a watch stream: ${reason}`);
        if (this.#life === life) this.#life = undefined;
      },
      this.#needsLeader,
    );
    if (this.#stream === undefined) {
      this.#life = undefined;
      this.#lives.pop();
      return;
    }
    const filters = [...(spec.noPut ? [0] : []), ...(spec.noDelete ? [1] : [])];
    this.#stream.receive({
      kind: 'create',
      request: {
        key: Buffer.from(spec.key, 'latin1'),
        rangeEnd: Buffer.from(spec.rangeEnd, 'latin1'),
        startRevision: this.#next,
        progressNotify: true,
        filters,
        prevKv: spec.prevKv,
        watchId: 0,
        fragment: this.#isFragmented,
      },
    });
  }

  #receive(life: WatchRecord, message: Message): void {
    const response = responseOf(message);
    this.#world.note(`${response.revision}/${response.events.length}/${response.canceled}`);
    if (response.created) {
      if (response.revision > 1) this.#oracle.saw(response.revision, this.#node?.owner ?? '');
      if (this.#next === 0) this.#next = life.spec.startRevision = response.revision + 1;
      return;
    }
    if (response.canceled) return this.#ended(response);
    this.#fragments.push(response);
    if (response.fragment) {
      this.#oracle.counts.fragments++;
      return;
    }
    const [whole] = joinFragments(this.#fragments.splice(0));
    if (whole !== undefined) this.#take(life, whole);
  }

  #take(life: WatchRecord, response: WatchResponse): void {
    life.responses.push(response);
    if (response.revision > 1) this.#oracle.saw(response.revision, this.#node?.owner ?? '');
    const seen = response.events.length > 0 ? response.events.at(-1)!.kv.modRevision : response.revision;
    this.#next = Math.max(this.#next, seen + 1);
  }

  #ended({ compactRevision }: WatchResponse): void {
    const { compacted } = this.#oracle.full;
    this.#oracle.expect(
      compactRevision > this.#next && compactRevision <= compacted,
      () => `a watcher at ${this.#next} was ended by compaction ${compactRevision}, of ${compacted}`,
    );
    this.#next = compactRevision;
    this.#life = undefined;
  }

  /** Judges all lives (promise 5), and that the last one has everything. */
  check(): void {
    const history = this.#oracle.history();
    const { compacted, revision } = this.#oracle.full;
    for (const life of this.#lives)
      for (const violation of validateWatch(life, history, compacted))
        this.#oracle.fail(`promise 5: ${violation}`);
    const last = this.#lives.at(-1);
    if (last === undefined) return;
    for (const missing of validateComplete(last, history, revision))
      this.#oracle.fail(`promise 5: ${missing}`);
  }
}

/** As the validators want it. */
export function responseOf(message: Message): WatchResponse {
  const header = message['header'] as Message;
  return {
    revision: Number(header['revision']),
    watchId: Number(message['watch_id']),
    created: message['created'] as boolean,
    canceled: message['canceled'] as boolean,
    compactRevision: Number(message['compact_revision']),
    cancelReason: message['cancel_reason'] as string,
    fragment: message['fragment'] as boolean,
    events: (message['events'] as Message[]).map((event) => ({
      type: event['type'] === 1 ? 'delete' : 'put',
      kv: keyValue(event['kv'] as Message),
      prevKv: event['prev_kv'] === null ? undefined : keyValue(event['prev_kv'] as Message),
    })),
  };
}

function keyValue(kv: Message): WatchResponse['events'][number]['kv'] {
  return {
    key: latin1(kv['key']),
    value: latin1(kv['value']),
    createRevision: Number(kv['create_revision']),
    modRevision: Number(kv['mod_revision']),
    version: Number(kv['version']),
    lease: BigInt(kv['lease'] as string),
  };
}
