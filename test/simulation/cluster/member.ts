import { EMPTY_BYTES, silentLogger } from '../../../src/base/index.ts';
import type { Bytes } from '../../../src/base/index.ts';
import { ClusterNode } from '../../../src/cluster/cluster-node.ts';
import type { ServeForwarded } from '../../../src/cluster/cluster-node-api.ts';
import { refuseByHeaders } from '../../../src/server/refuse.ts';
import { StreamEnds } from '../../../src/server/stream-ends.ts';
import type { Store } from '../../../src/store/index.ts';
import { isReadOnly } from '../../../src/store/txn-plan.ts';
import { WatchHub } from '../../../src/watch/index.ts';
import type { WatchStream } from '../../../src/watch/index.ts';
import { send } from '../client.ts';
import type { CallTarget, More } from '../client.ts';
import type { Answer, Call } from '../history.ts';
import { EAGER } from '../node.ts';
import { KEYSPACE } from '../oracle.ts';
import type { Oracle } from '../oracle.ts';
import type { SimStore } from '../sim-engine.ts';
import { requestOf } from '../txn.ts';
import { openWatch } from '../watch-sink.ts';
import type { WatchServer } from '../watcher.ts';
import type { World } from '../world.ts';
import { decodeAnswer, decodeCall, encodeAnswer, encodeCall, METHOD } from './forwarded.ts';
import type { SimNetwork } from './network.ts';
import { NodeTime } from './node-time.ts';
import { LEASE_MS } from './profile.ts';
import type { ClusterProfile } from './profile.ts';

/** Told of what nodes show and refuse. */
export interface Witness {
  /** A node that leads shows all up to here. */
  led(sequence: number): void;
  shown(revision: number, by: string, what: string): void;
  /** A write is acknowledged, at best by a leader that was deposed meanwhile. */
  acknowledged(revision: number): void;
  deposed(member: Member): void;
  /** A stream was ended, or a call refused, for want of a leader. */
  missed(member: Member, what: 'cancelled' | 'refused'): void;
}

export interface MemberParts {
  readonly world: World;
  readonly profile: ClusterProfile;
  readonly network: SimNetwork;
  readonly engines: SimStore;
  readonly oracle: Oracle;
  readonly faults: ReadonlySet<string>;
  /** One node, with a store for itself. */
  readonly isAlone: boolean;
  readonly witness?: Witness;
  /** A node cannot go on. */
  readonly failed: (member: Member, error: unknown) => void;
  readonly counts: { forwarded: number; followerReads: number; stores: number };
}

const LOCAL = new Set<Call['kind']>(['read', 'hash', 'leases']);

/**
 * One incarnation of one node: the real cluster node and watch hub, in a time of their own. It starts with nothing in
 * memory, and does with calls what the server does: those that need the leader are forwarded by who does not lead.
 */
export class Member implements CallTarget, WatchServer {
  readonly name: string;
  readonly owner: string;
  readonly time: NodeTime;
  /** The chunk format that its program knows. */
  readonly knows: number;
  /** How fast its clock runs, until all is calm. */
  readonly rate: number;
  /** The streams that end without a leader. */
  readonly leaderLost = new StreamEnds();
  node: ClusterNode | undefined;
  /** Clients are served. */
  isServing = false;
  readonly #parts: MemberParts;
  #hub: WatchHub | undefined;

  constructor(parts: MemberParts, name: string, start: { incarnation: number; knows: number }) {
    const { world, profile } = parts;
    this.#parts = parts;
    this.name = name;
    this.owner = `${name}#${start.incarnation}`;
    this.knows = start.knows;
    const random = world.random.fork(`time-${this.owner}`);
    const { rateMin, rateMax } = profile;
    // By its logarithm, so that as many are slow as are fast.
    this.rate = rateMin * (rateMax / rateMin) ** random.next();
    this.time = new NodeTime(world, this.owner, { rate: this.rate, offsetMs: random.int(0, 1_000_000) });
  }

  async start(): Promise<void> {
    const { world, profile, network, engines, faults } = this.#parts;
    const { historyBytesInMemoryMax, segmentBytes, sliceUnitsMax, atOnceKeysMax, groupBytesMax } = profile;
    const urls = network.urlsOf(this.name);
    const { isAlone } = this.#parts;
    const node = await ClusterNode.start({
      store: {
        engine: isAlone ? engines.engineOf(this.owner) : engines.sharedEngineOf(this.owner),
        keyspace: KEYSPACE,
        name: this.name,
        clock: this.time,
        scheduler: this.time.scheduler,
        random: world.random.fork(this.owner),
        logger: silentLogger,
        limits: { historyBytesInMemoryMax, segmentBytes, sliceUnitsMax, atOnceKeysMax },
        logLimits: { groupBytesMax },
        cleanerLimits: EAGER,
        chunkFormat: { knows: this.knows, writes: () => this.knows },
        faults,
      },
      network: isAlone ? undefined : network.join(this.name, this.owner),
      serve: this.#serve,
      peerUrls: urls,
      clientUrls: urls,
      leaseMs: LEASE_MS,
      renewMs: LEASE_MS / 4,
      linearizableReads: profile.linearizableReads,
      onFailed: (error) => this.#parts.failed(this, error),
    });
    this.node = node;
    node.onLeaderLost(() => this.leaderLost.endAll());
    this.#hub = this.#newHub(node.store);
    node.onStore((store) => {
      this.#parts.counts.stores++;
      this.#hub?.close();
      this.#hub = this.#newHub(store);
    });
    await node.whenReadable();
    this.isServing = true;
  }

  /** As SIGTERM: what was accepted is answered, and the lead handed over. */
  async close(): Promise<void> {
    this.isServing = false;
    this.#hub?.close();
    await this.node?.close();
  }

  call(call: Call, more: More, answered: (answer: Answer) => void): void {
    const { world } = this.#parts;
    world.schedule(this.owner, world.random.next() * 2, () => {
      if (this.isServing) this.#handle(call, more, answered);
    });
  }

  watch(
    receive: (response: Bytes) => void,
    ended: (code: string) => void,
    needsLeader = false,
  ): WatchStream | undefined {
    const { world, profile } = this.#parts;
    if (this.#hub === undefined || !this.isServing || (needsLeader && this.#refuses())) return undefined;
    const lost = (): void => {
      this.#parts.witness?.missed(this, 'cancelled');
      stream.close();
      ended('no-leader');
    };
    const release = (): void => this.leaderLost.remove(lost);
    const over = (code: string): void => {
      release();
      ended(code);
    };
    const stream = openWatch(this.#hub, { world, owner: this.owner, profile, receive, ended: over });
    if (!needsLeader) return stream;
    this.leaderLost.add(lost);
    return {
      receive: (request) => stream.receive(request),
      drained: () => stream.drained(),
      close: () => {
        release();
        stream.close();
      },
    };
  }

  /** As the server does with a call or stream that needs a leader. */
  #refuses(): boolean {
    const headers = new Map([['hasleader', 'true']]);
    const refusal = refuseByHeaders(this.node as ClusterNode)((name) => headers.get(name));
    if (refusal !== undefined) this.#parts.witness?.missed(this, 'refused');
    return refusal !== undefined;
  }

  #handle(call: Call, more: More, answered: (answer: Answer) => void): void {
    const node = this.node as ClusterNode;
    if (more.needsLeader === true && this.#refuses()) return answered({ kind: 'error', code: 'NoLeader' });
    const isLocal =
      LOCAL.has(call.kind) || (call.kind === 'txn' && isReadOnly(requestOf(call.txn, more.pad)));
    if (isLocal && !node.leads) this.#parts.counts.followerReads++;
    if (isLocal || node.leads)
      return send(node.store, call, more, (answer) => {
        this.#answered(call, answer);
        answered(answer);
      });
    this.#parts.counts.forwarded++;
    node.forward(METHOD, encodeCall({ call, more, member: node.memberId }), (answer) =>
      answered(decodeAnswer(answer)),
    );
  }

  #answered(call: Call, answer: Answer): void {
    const { witness } = this.#parts;
    if (answer.kind === 'written') witness?.acknowledged(answer.revision);
    if ('revision' in answer) witness?.shown(answer.revision, this.owner, call.kind);
  }

  readonly #serve: ServeForwarded = ({ member, method, request }, reply) => {
    const { oracle } = this.#parts;
    const forwarded = decodeCall(request);
    oracle.expect(method === METHOD, () => `a call came as ${method}`);
    oracle.expect(
      member === forwarded.member || forwarded.member === 0n,
      () => `a call of member ${forwarded.member} came as one of ${member}`,
    );
    const { store } = this.node as ClusterNode;
    send(store, forwarded.call, forwarded.more, (answer) => {
      this.#answered(forwarded.call, answer);
      reply(encodeAnswer(answer));
    });
  };

  #newHub(store: Store): WatchHub {
    const { world, profile, witness } = this.#parts;
    store.onDeposed(() => witness?.deposed(this));
    store.onCommit(() => store.leads && witness?.led(store.sequence));
    const { responseBytesMax, fragmentBytesMin } = profile;
    const hub = new WatchHub({
      source: {
        index: store.index,
        arena: store.arena,
        history: store.history,
        revision: () => store.revision,
        compacted: () => store.compacted,
        header: (revision) => ({ identity: EMPTY_BYTES, revision, raftTerm: store.epoch }),
      },
      clock: this.time,
      scheduler: this.time.scheduler,
      random: world.random.fork(`hub-${this.owner}`),
      logger: silentLogger,
      progressIntervalMs: 500,
      limits: { responseBytesMax, fragmentBytesMin },
    });
    store.onCommit((revision) => hub.committed(revision));
    store.onCompact((compacted) => hub.compacted(compacted));
    return hub;
  }
}
