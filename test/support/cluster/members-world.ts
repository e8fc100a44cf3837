/** Nodes that register themselves, on one simulated store, each with a clock of its own. */
import { silentLogger } from '../../../src/base/index.ts';
import type { Bytes, Logger } from '../../../src/base/index.ts';
import { ClusterError, Members } from '../../../src/cluster/index.ts';
import { decodeMembersRecord } from '../../../src/cluster/members-record.ts';
import type { MembersRecord } from '../../../src/cluster/members-record.ts';
import type { Engine, EngineError, Snapshot } from '../../../src/engine/index.ts';
import type { EngineTrouble } from '../../simulation/sim-engine.ts';
import { SimStore } from '../../simulation/sim-engine.ts';
import { World } from '../../simulation/world.ts';

export const MEMBERS_KEY = Buffer.from('engram/test/members');
export const CALM = { uncertain: 0, lateMs: 0, engineTail: 0, tailMs: 0 };

export interface Node {
  readonly owner: string;
  readonly name: string;
  readonly members: Members;
  /** `starting`, `started`, `killed`, or the code of what `start` rejected with. */
  state: string;
  /** What `start` rejected with, or what `onRefused` was told. */
  error: Error | undefined;
  startedMs: number;
  /** Codes that `onRefused` was told. */
  readonly refusals: string[];
  readonly warnings: string[];
}

export class MembersWorld {
  readonly world: World;
  readonly store: SimStore;
  readonly nodes: Node[] = [];
  /** Every record that was in the store, in order; undefined where it was taken away. */
  readonly records: (MembersRecord | undefined)[] = [];
  /** What every read of the store is refused with. */
  refusal: EngineError | undefined;
  #incarnations = 0;

  constructor(seed = 1, trouble: EngineTrouble = CALM) {
    this.world = new World(seed);
    this.store = new SimStore(this.world, trouble);
    this.store.onLanded = (writes) => this.landed(writes);
  }

  get record(): MembersRecord | undefined {
    return this.records.at(-1);
  }

  /** Each commit, at the instant it takes effect. */
  landed(writes: readonly { readonly key: Bytes; readonly value: Bytes | undefined }[]): void {
    for (const { key, value } of writes) {
      if (!MEMBERS_KEY.equals(key)) continue;
      try {
        this.records.push(value === undefined ? undefined : decodeMembersRecord(value));
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
      }
    }
  }

  boot(name: string, more: { knows?: number; rate?: number; urls?: readonly string[] } = {}): Node {
    const { world } = this;
    const owner = `${name}#${++this.#incarnations}`;
    const random = world.random.fork(owner);
    const scheduler = world.schedulerOf(owner);
    const { rate = 1, urls = [`http://${name}:2380`] } = more;
    // No two clocks agree on what time it is.
    const offsetMs = random.next() * 1e9;
    const [refusals, warnings]: [string[], string[]] = [[], []];
    const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
    const members = new Members({
      engine: this.#engineOf(owner),
      keyspace: 'test',
      clock: { nowMs: () => world.nowMs() * rate + offsetMs },
      scheduler: { ...scheduler, after: (delayMs, run) => scheduler.after(delayMs / rate, run) },
      random,
      logger,
      self: { name, incarnation: owner, peerUrls: urls, clientUrls: [`http://${name}:2379`] },
      knows: more.knows ?? 1,
      onRefused: (error) => {
        node.error = error;
        refusals.push(error instanceof ClusterError ? error.code : error.name);
      },
    });
    const node: Node = {
      ...{ owner, name, members, state: 'starting', error: undefined, startedMs: NaN },
      ...{ refusals, warnings },
    };
    this.nodes.push(node);
    members.start().then(
      () => {
        [node.state, node.startedMs] = ['started', world.nowMs()];
      },
      (error: unknown) => {
        node.error = error as Error;
        node.state = error instanceof ClusterError ? error.code : String(error);
      },
    );
    return node;
  }

  #engineOf(owner: string): Engine {
    const engine = this.store.sharedEngineOf(owner);
    const snapshot = async (): Promise<Snapshot> => {
      if (this.refusal !== undefined) throw this.refusal;
      return engine.snapshot();
    };
    return {
      ...{ capabilities: engine.capabilities, snapshot },
      commit: (batch, signal) => engine.commit(batch, signal),
      sizeBytes: () => engine.sizeBytes(),
      compact: () => engine.compact(),
      close: () => engine.close(),
    };
  }

  async run(ms: number): Promise<void> {
    // What was called just now begins before time passes.
    await new Promise((resolve) => setImmediate(resolve));
    await this.world.run(this.world.nowMs() + ms);
  }

  async stop(node: Node): Promise<number> {
    const fromMs = this.world.nowMs();
    let endMs = Infinity;
    void node.members.stop().then(() => (endMs = this.world.nowMs()));
    await this.run(2000);
    return endMs - fromMs;
  }

  kill(node: Node): void {
    this.world.kill(node.owner);
    node.state = 'killed';
  }

  /** Somebody who is not a node replaces the record. */
  async write(value: Bytes | undefined): Promise<void> {
    const engine = this.store.engineOf('operator');
    let isDone = false;
    const batch = { conditions: [], writes: [{ key: MEMBERS_KEY, value }] };
    void engine.commit(batch, new AbortController().signal).then(() => (isDone = true));
    for (let i = 0; i < 1000 && !isDone; i++) await this.run(1);
  }
}

/** The names that a node lists. */
export function listed({ members }: Node): string {
  return members
    .list()
    .map(({ name }) => name)
    .join(' ');
}

/** The names in a record. */
export function names(record: MembersRecord | undefined): string {
  return (record?.members ?? [])
    .map(({ name }) => name)
    .sort()
    .join(' ');
}
