import { SeededRandom } from '../../../src/base/index.ts';
import type { WatchStream } from '../../../src/watch/index.ts';
import { decodeResponse } from '../../etcd/protocol.ts';
import { splitStream, validateWatch } from '../../validators/watch.ts';
import type { WatchResponse, WatchSpec } from '../../validators/watch.ts';
import type { Oracle } from '../oracle.ts';
import { responseOf, WATCH } from '../watcher.ts';
import type { WatchServer } from '../watcher.ts';
import type { World } from '../world.ts';

const WATCHES_MAX = 4;
const LIVES_MS_MAX = 2_500;
/** They start so many revisions before what is committed at most. */
const BACK_MAX = 20;
const RANGES = [
  ['\0', '\0'],
  ['k', 'l'],
  ['k/1', ''],
  ['m', ''],
] as const;

interface Party {
  readonly specs: WatchSpec[];
  readonly responses: WatchResponse[];
}

/**
 * Several watches that share a stream, and ask all the time how far it is: one answer speaks for all of them, also for
 * those that are behind. A stream lives shortly, and is never resumed.
 */
export class WatchParty {
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #random: SeededRandom;
  readonly #mayEndBy: ReadonlySet<string>;
  readonly #parties: Party[] = [];

  constructor(
    world: World,
    oracle: Oracle,
    options: { readonly seed: number; readonly mayEndBy: ReadonlySet<string> },
  ) {
    [this.#world, this.#oracle, this.#mayEndBy] = [world, oracle, options.mayEndBy];
    this.#random = new SeededRandom(options.seed * 7 + 3);
  }

  async run(node: () => WatchServer | undefined, untilMs: number): Promise<void> {
    const [world, random] = [this.#world, this.#random];
    while (world.nowMs() < untilMs) {
      await world.sleep('watchers', 20 + random.next() * 200);
      const server = node();
      if (server !== undefined) await this.#meet(server);
    }
  }

  /** Judges every watch by itself (promise 5): what was said to all of a stream counts for each. */
  check(): void {
    const history = this.#oracle.history();
    const { compacted } = this.#oracle.full;
    for (const { specs, responses } of this.#parties)
      for (const life of splitStream(responses, specs))
        for (const violation of validateWatch(life, history, compacted))
          this.#oracle.fail(`promise 5: of several on a stream: ${violation}`);
  }

  async #meet(server: WatchServer): Promise<void> {
    const [world, random, oracle] = [this.#world, this.#random, this.#oracle];
    const party: Party = { specs: [], responses: [] };
    let isOver = false;
    const stream = server.watch(
      (bytes) => {
        if (isOver) return;
        const response = responseOf(decodeResponse(WATCH, Buffer.from(bytes)));
        party.responses.push(response);
        if (response.revision > 1) oracle.saw(response.revision, server.owner);
      },
      (reason) => {
        isOver = true;
        oracle.expect(this.#mayEndBy.has(reason), () => `a watch stream: ${reason}`);
      },
      random.chance(0.5),
    );
    if (stream === undefined) return;
    this.#parties.push(party);
    const untilMs = world.nowMs() + random.next() ** 2 * LIVES_MS_MAX;
    while (!isOver && world.nowMs() < untilMs) {
      if (party.specs.length < WATCHES_MAX && random.chance(0.3)) this.#create(stream, party);
      else if (party.specs.length > 0) stream.receive({ kind: 'progress' });
      await world.sleep('watchers', 5 + random.next() * 60);
    }
    isOver = true;
    stream.close();
  }

  #create(stream: WatchStream, { specs }: Party): void {
    const random = this.#random;
    const [key, rangeEnd] = random.pick(RANGES);
    const { revision, compacted } = this.#oracle.full;
    const back = Math.max(compacted + 1, 2, revision - random.int(0, BACK_MAX));
    const startRevision = random.chance(0.5) ? 0 : back;
    const prevKv = random.chance(0.3);
    specs.push({ key, rangeEnd, startRevision, prevKv, noPut: false, noDelete: false });
    stream.receive({
      kind: 'create',
      request: {
        ...{ key: Buffer.from(key, 'latin1'), rangeEnd: Buffer.from(rangeEnd, 'latin1'), startRevision },
        ...{
          progressNotify: random.chance(0.5),
          filters: [],
          prevKv,
          watchId: 0,
          fragment: random.chance(0.3),
        },
      },
    });
  }
}
