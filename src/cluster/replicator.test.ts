/** Goal: followers get what a leader commits, in order, and only what it may show while it leads. */
import { describe, expect, it } from 'vitest';
import { FakeLink, FakeNetwork, ManualTime } from '../../test/support/cluster/fake-links.ts';
import { EMPTY_BYTES, SeededRandom, silentLogger } from '../base/index.ts';
import type { StoreErrorCode } from '../store/index.ts';
import type { FollowerMessage, PeerCall, PeerMessage } from '../wire/peer-message.ts';
import { PEER_NOT_LEADER } from '../wire/peer-message.ts';
import type { ForwardedAnswer, ServeForwarded } from './cluster-node-api.ts';
import { Forwarder } from './forwarder.ts';
import { LeaderLink } from './leader-link.ts';
import { ReadIndexAsker } from './read-index.ts';
import { Replicator } from './replicator.ts';
import type { ReplicatorOptions } from './replicator.ts';

const HELLO: FollowerMessage = { kind: 'hello', to: 'a#1', from: 'b#1', name: 'b', member: 7n };

function world(options: Partial<ReplicatorOptions> = {}) {
  const time = new ManualTime();
  const store = { sequence: 10, revision: 4, memberId: (name: string) => BigInt(name.length) };
  const lease = { isHeld: true, holds: () => lease.isHeld };
  const begun: Parameters<ServeForwarded>[] = [];
  const replicator = new Replicator({
    ...{ incarnation: 'a#1', store: () => store, lease, clock: time, scheduler: time, logger: silentLogger },
    serve: (...parts) => void begun.push(parts),
    ...options,
  });
  const links: FakeLink[] = [];
  const open = (): FakeLink => {
    const link = new FakeLink([]);
    link.leader.sink = replicator.accept(link.leader);
    links.push(link);
    return link;
  };
  const greet = (hello: Partial<FollowerMessage> = {}): FakeLink => {
    const link = open();
    link.tell({ ...HELLO, ...hello } as FollowerMessage);
    return link;
  };
  const lead = (): FakeLink => {
    replicator.claimed();
    replicator.lead(3);
    const link = greet();
    link.leader.sent.length = 0;
    return link;
  };
  return { time, store, lease, begun, replicator, open, greet, lead };
}

/** What was sent to the follower since it was looked at last. */
function taken(link: FakeLink): PeerMessage[] {
  return link.leader.sent.splice(0);
}

const call = (id: number, bytes = 0): PeerCall => ({ id, method: `m${id}`, request: Buffer.alloc(bytes) });
const calls = (...ids: number[]): PeerMessage => ({ kind: 'calls', calls: ids.map((id) => call(id)) });
const chunk = (sequence: number) => ({ sequence, bytes: EMPTY_BYTES });
const ok: ForwardedAnswer = { code: 0, message: '', body: EMPTY_BYTES };
const announced = (sequence: number): PeerMessage => ({ kind: 'announce', epoch: 3, sequence });
const ids = (message: PeerMessage | undefined): number[] =>
  message?.kind === 'answers' ? message.answers.map(({ id }) => id) : [];

describe('the links of a leader', () => {
  it('begin with an announcement of what is committed', () => {
    const { replicator, greet } = world();
    replicator.claimed();
    replicator.lead(3);
    expect(taken(greet())).toEqual([announced(10)]);
    expect(replicator.followers).toBe(1);
  });

  it('wait while it takes over, and while it does not hold its lease', () => {
    const { lease, store, replicator, greet } = world();
    replicator.claimed();
    const link = greet();
    replicator.announce();
    expect(taken(link)).toEqual([]);
    lease.isHeld = false;
    replicator.lead(3);
    replicator.committed([chunk(11)]);
    expect(taken(link)).toEqual([]);
    store.sequence = 11;
    lease.isHeld = true;
    replicator.announce();
    expect(taken(link)).toEqual([announced(11)]);
  });

  it('that came while it took over hear of it at once', () => {
    const { replicator, greet } = world();
    replicator.claimed();
    const link = greet();
    replicator.lead(3);
    expect(taken(link)).toEqual([announced(10)]);
  });

  it('are refused when it does not lead, when it fails to, and when they are meant for somebody before it', () => {
    const { replicator, greet } = world();
    const following = greet();
    replicator.claimed();
    const other = greet({ to: 'a#0' });
    const waiting = greet();
    replicator.end();
    for (const link of [following, other, waiting]) {
      expect(taken(link)).toEqual([{ kind: 'notLeader' }]);
      expect(link.leader.isClosed).toBe(true);
    }
  });

  it('get every commit and announcement in order, with what may be shown', () => {
    const { store, lease, replicator, lead } = world();
    const link = lead();
    store.sequence = 12;
    replicator.committed([chunk(11), chunk(12)]);
    lease.isHeld = false;
    store.sequence = 13;
    replicator.committed([chunk(13)]);
    replicator.announce();
    lease.isHeld = true;
    replicator.announce();
    expect(taken(link)).toEqual([
      { kind: 'commit', epoch: 3, chunks: [chunk(11), chunk(12)], announced: 12 },
      { kind: 'commit', epoch: 3, chunks: [chunk(13)], announced: 0 },
      announced(13),
    ]);
  });

  it('that are full get no commits, but an announcement when there is room, and all answers', () => {
    const { time, store, replicator, lead, begun } = world();
    const link = lead();
    link.leader.room = 1;
    link.tell(calls(1));
    for (store.sequence = 11; store.sequence <= 15; store.sequence++) {
      replicator.committed([chunk(store.sequence)]);
      replicator.announce();
    }
    begun[0]?.[1](ok);
    time.settle();
    expect(link.leader.sent.map(({ kind }) => kind)).toEqual(['commit', 'announce', 'answers']);
    link.toFollower(2);
    replicator.committed([chunk(16)]);
    expect(link.leader.sent).toHaveLength(1);
    store.sequence = 16;
    link.toFollower();
    expect(taken(link)).toEqual([announced(16)]);
    replicator.committed([chunk(17)]);
    expect(taken(link)).toMatchObject([{ kind: 'commit' }]);
  });

  it('of one node are one: the one before is closed', () => {
    const { replicator, lead, greet } = world();
    const first = lead();
    greet();
    greet({ from: 'c#1', name: 'c' });
    expect(first.leader.isClosed).toBe(true);
    expect(replicator.followers).toBe(2);
  });

  it('are so many and no more, and none without a word', () => {
    const { time, replicator, open, greet } = world({ limits: { linksMax: 2, helloMsMax: 5000 } });
    replicator.claimed();
    replicator.lead(3);
    const silent = open();
    const link = greet();
    const refused = open();
    expect(taken(refused)).toEqual([{ kind: 'notLeader' }]);
    expect(refused.leader.isClosed).toBe(true);
    time.advance(5000);
    expect([silent, link].map(({ leader }) => leader.isClosed)).toEqual([true, false]);
    expect(taken(greet({ from: 'c#1' }))).toEqual([announced(10)]);
    expect(time.timerCount).toBe(0);
  });
});

describe('questions to a leader', () => {
  const index = (id: number, sequence: number | undefined): PeerMessage => ({
    kind: 'index',
    id,
    epoch: 3,
    sequence,
  });

  it('promise 3: are answered with the committed sequence, behind the commits, only while it holds its lease', () => {
    const { store, lease, replicator, lead } = world();
    const link = lead();
    store.sequence = 11;
    replicator.committed([chunk(11)]);
    link.tell({ kind: 'readIndex', id: 1 });
    lease.isHeld = false;
    link.tell({ kind: 'readIndex', id: 2 });
    expect(taken(link).slice(1)).toEqual([index(1, 11), index(2, undefined)]);
  });

  it('are answered with a revision by the planted fault', () => {
    const { lead } = world({ faults: new Set(['read-index-by-revision'] as const) });
    const link = lead();
    link.tell({ kind: 'readIndex', id: 1 });
    expect(taken(link)).toEqual([index(1, 4)]);
  });

  it('promise 3: wait in engine mode for a check that began after them, and do not need the lease', () => {
    const checks: ((refusal: StoreErrorCode | undefined) => void)[] = [];
    const { store, lease, replicator, lead } = world({ confirm: { ask: (done) => void checks.push(done) } });
    const link = lead();
    lease.isHeld = false;
    for (const id of [1, 2, 3]) link.tell({ kind: 'readIndex', id });
    expect(taken(link)).toEqual([]);
    store.sequence = 12;
    checks[0]?.(undefined);
    checks[1]?.('LeaderChanged');
    expect(taken(link)).toEqual([index(1, 12), index(2, undefined)]);
    replicator.standDown();
    checks[2]?.(undefined);
    expect(taken(link)).toEqual([index(3, undefined)]);
  });

  it('are answered with nothing once it stands down', () => {
    const { replicator, lead } = world();
    const link = lead();
    replicator.standDown();
    link.tell({ kind: 'readIndex', id: 1 });
    replicator.committed([chunk(11)]);
    replicator.announce();
    expect(taken(link)).toEqual([index(1, undefined)]);
  });
});

describe('calls to a leader', () => {
  it('are begun in order for the member that they come from; answers of one turn leave in one message', () => {
    const { time, begun, lead, greet } = world();
    const link = lead();
    link.tell(calls(1, 2, 3));
    expect(begun.map(([{ member, method }]) => `${member} ${method}`)).toEqual(['7 m1', '7 m2', '7 m3']);
    begun[2]?.[1]({ code: 5, message: 'text', body: EMPTY_BYTES });
    begun[0]?.[1](ok);
    expect(taken(link)).toEqual([]);
    time.turn();
    begun[1]?.[1](ok);
    time.settle();
    const sent = taken(link);
    expect(sent.map(ids)).toEqual([[3, 1], [2]]);
    expect(sent[0]).toMatchObject({ answers: [{ code: 5, message: 'text' }, { code: 0 }] });
    const early = greet({ from: 'c#1', name: 'abc', member: 0n });
    early.tell(calls(1));
    expect(begun[3]?.[0].member).toBe(3n);
  });

  it('have answers of a turn in several messages only when they are long', () => {
    const { time, begun, lead } = world({ limits: { messageBytesMax: 100 } });
    const link = lead();
    link.tell(calls(1, 2, 3));
    for (const [, reply] of begun) reply({ ...ok, body: Buffer.alloc(50) });
    time.settle();
    expect(taken(link).map(ids)).toEqual([[1, 2], [3]]);
  });

  it('are answered when they were begun, and not looked at when the lead has ended; then the link ends', () => {
    const { time, begun, replicator, lead } = world();
    const link = lead();
    link.tell(calls(1, 2));
    replicator.end();
    expect(taken(link)).toEqual([]);
    link.tell(calls(3));
    begun[0]?.[1](ok);
    time.settle();
    expect(taken(link)).toMatchObject([
      {
        answers: [
          { id: 3, code: PEER_NOT_LEADER },
          { id: 1, code: 0 },
        ],
      },
    ]);
    expect(begun).toHaveLength(2);
    replicator.claimed();
    replicator.lead(4);
    replicator.committed([chunk(11)]);
    expect(taken(link)).toEqual([]);
    begun[1]?.[1](ok);
    time.settle();
    expect(taken(link).map(({ kind }) => kind)).toEqual(['answers', 'notLeader']);
    expect(link.leader.isClosed).toBe(true);
    expect(replicator.followers).toBe(0);
  });

  it('have the answers of the turn in which the lead ends', () => {
    const { time, begun, replicator, lead } = world();
    const link = lead();
    link.tell(calls(1));
    begun[0]?.[1](ok);
    replicator.end();
    time.settle();
    expect(taken(link).map(({ kind }) => kind)).toEqual(['answers', 'notLeader']);
  });

  it('are not looked at while the lead is handed over; the link ends after it was told', () => {
    const { time, begun, replicator, lead } = world();
    const link = lead();
    link.tell(calls(1));
    replicator.standDown();
    begun[0]?.[1](ok);
    link.tell(calls(2));
    time.settle();
    expect(link.leader.isClosed).toBe(false);
    replicator.released('b#1');
    replicator.end();
    expect(taken(link)).toMatchObject([
      {
        answers: [
          { id: 1, code: 0 },
          { id: 2, code: PEER_NOT_LEADER },
        ],
      },
      { kind: 'released', to: 'b#1' },
      { kind: 'notLeader' },
    ]);
    expect(link.leader.isClosed).toBe(true);
  });

  it('of a link that has ended are answered to nobody', () => {
    const { time, begun, replicator, lead } = world();
    const link = lead();
    link.tell(calls(1));
    link.cut();
    begun[0]?.[1](ok);
    time.settle();
    expect(link.leader.sent).toEqual([]);
    expect(replicator.followers).toBe(0);
    replicator.end();
  });
});

describe('a link of a follower that breaks the rules', () => {
  it('is logged at once, and then once in a second for each rule, over all links', () => {
    const warnings: unknown[] = [];
    const logger = {
      ...silentLogger,
      warn: (_message: string, fields: unknown) => void warnings.push(fields),
    };
    const { time, replicator, greet } = world({ logger });
    replicator.claimed();
    for (let i = 0; i < 10; i++) {
      greet().tell(HELLO);
      greet().tell({ kind: 'notLeader' });
      time.advance(99);
    }
    expect(warnings).toHaveLength(2);
    time.advance(10);
    greet().tell(HELLO);
    const again = { why: 'it says hello again', from: 'b#1' };
    const foreign = { why: 'it sent what only a leader sends: notLeader', from: 'b#1' };
    expect(warnings).toEqual([again, foreign, { ...again, more: 9 }]);
  });

  const limits = { callsMax: 3, callBytesMax: 100, questionsMax: 2, unsentMax: 4 };
  const long = (id: number, bytes: number): PeerMessage => ({ kind: 'calls', calls: [call(id, bytes)] });
  const question = (id: number): PeerMessage => ({ kind: 'readIndex', id });
  const broken: [string, PeerMessage[]][] = [
    ['hello twice', [HELLO]],
    ['calls whose numbers do not rise', [calls(1, 1)]],
    ['calls whose numbers go back', [calls(2), calls(1)]],
    ['a call without a number', [calls(NaN)]],
    ['a question asked twice', [question(1), question(1)]],
    ['too many calls', [calls(1, 2), calls(3, 4)]],
    ['too many bytes of calls', [long(1, 60), long(2, 41)]],
    ['too many questions', [question(1), question(2), question(3)]],
    ['an announcement', [announced(1)]],
    ['answers', [{ kind: 'answers', answers: [] }]],
    ['not leader', [{ kind: 'notLeader' }]],
  ];
  it.each(broken)('ends: %s', (_what, messages) => {
    const { lead, replicator } = world({ limits, confirm: { ask: () => undefined } });
    const link = lead();
    for (const message of messages) {
      expect(link.leader.isClosed).toBe(false);
      link.tell(message);
    }
    expect(link.leader.isClosed).toBe(true);
    expect(replicator.followers).toBe(0);
  });

  it.each([
    ['before hello', (link: FakeLink) => link.tell(calls(1))],
    ['a question before hello', (link: FakeLink) => link.tell(question(1))],
  ])('ends: calls %s', (_what, act) => {
    const { begun, replicator, open } = world();
    replicator.claimed();
    replicator.lead(3);
    const link = open();
    act(link);
    expect(link.leader.isClosed).toBe(true);
    expect(begun).toEqual([]);
  });

  it.each([calls(1), question(1), HELLO])('ends: before the first announcement, $kind', (message) => {
    const { begun, replicator, greet } = world();
    replicator.claimed();
    const link = greet();
    link.tell(message);
    expect(link.leader.isClosed).toBe(true);
    expect(taken(link)).toEqual([]);
    replicator.lead(3);
    expect(begun).toEqual([]);
  });

  it('ends when it asks and does not take the answers', () => {
    const { lead } = world({ limits });
    const link = lead();
    link.leader.room = 0;
    for (let id = 1; id <= 4; id++) link.tell(question(id));
    expect(link.leader.isClosed).toBe(false);
    link.tell(question(5));
    expect(link.leader.isClosed).toBe(true);
  });

  it('ends when the answers that it does not take are too long', () => {
    const { time, begun, lead } = world({ limits: { unsentBytesMax: 100 } });
    const link = lead();
    link.leader.room = 0;
    for (const id of [1, 2, 3]) {
      link.tell(calls(id));
      begun.at(-1)?.[1]({ ...ok, body: Buffer.alloc(60) });
      time.settle();
      expect(link.leader.isClosed).toBe(id === 3);
    }
  });
});

describe('a follower and its leader', () => {
  function pair() {
    const { time, store, begun, replicator } = world();
    const network = new FakeNetwork();
    network.acceptors.set('http://a', (link) => replicator.accept(link));
    const told: string[] = [];
    const link: LeaderLink = new LeaderLink({
      ...{ network, clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger },
      self: { incarnation: 'b#1', name: 'b', member: () => 7n },
      listener: {
        ready: () => {
          asker.linkReady();
          forwarder.linkReady();
        },
        ended: (how) => {
          asker.linkEnded();
          forwarder.linkEnded(how);
        },
        drained: () => forwarder.drained(),
        commit: ({ announced }) => void told.push(`commit ${announced}`),
        announce: (_epoch, sequence) => void told.push(`announce ${sequence}`),
        index: (message) => asker.answered(message),
        answers: (message) => forwarder.answers(message),
        released: (to) => void told.push(`released ${to}`),
      },
    });
    const parts = { link, clock: time, scheduler: time, requestTimeoutMs: 7000 };
    const asker = new ReadIndexAsker(parts);
    const forwarder = new Forwarder({ ...parts, member: () => 7n });
    const forward = (name: string): void =>
      forwarder.forward(name, EMPTY_BYTES, ({ code }) => void told.push(`${name} ${code}`));
    const read = (name: string): void => asker.ask((answer) => void told.push(`${name} ${answer}`));
    const record = {
      holder: 'a#1',
      name: 'a',
      peerUrls: ['http://a'],
      epoch: 3,
      counter: 0,
      leaseMs: 800,
      released: false,
      to: '',
    };
    return { time, store, begun, replicator, network, told, link, forward, read, record };
  }

  it('promise 3: an answer is never ahead of the commits that it depends on', () => {
    const { time, store, begun, replicator, network, told, link, forward, read, record } = pair();
    link.follow(record);
    forward('put');
    read('read');
    replicator.claimed();
    replicator.lead(3);
    network.run(time);
    expect(told).toEqual(['announce 10', 'read 10']);
    store.sequence = 11;
    replicator.committed([chunk(11)]);
    begun[0]?.[1](ok);
    read('again');
    network.run(time);
    expect(told.slice(2)).toEqual(['commit 11', 'put 0', 'again 11']);
  });

  it('a leader that hands over answers what it has begun, and leaves everything else to the next', () => {
    const { time, begun, replicator, network, told, link, forward, record } = pair();
    replicator.claimed();
    replicator.lead(3);
    link.follow(record);
    network.run(time);
    forward('begun');
    time.settle();
    network.last.toLeader();
    forward('late');
    time.settle();
    replicator.standDown();
    begun[0]?.[1](ok);
    time.settle();
    replicator.released('c#1');
    replicator.end();
    // What arrives when the link has been closed already was not looked at either.
    network.last.toFollower();
    expect(told).toEqual(['announce 10', 'begun 0', 'released c#1']);
    expect(link.isReady).toBe(false);
    replicator.claimed();
    replicator.lead(4);
    for (let i = 0; i < 3; i++) {
      time.advance(101);
      network.run(time);
    }
    begun[1]?.[1](ok);
    network.run(time);
    expect(begun.map(([{ method }]) => method)).toEqual(['begun', 'late']);
    expect(told.slice(3)).toEqual(['announce 10', 'late 0']);
  });
});
