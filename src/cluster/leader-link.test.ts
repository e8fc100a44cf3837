/** Goal: a follower hears one leader at a time, in order, and gives up who breaks the rules. */
import { describe, expect, it } from 'vitest';
import { EMPTY_BYTES, SeededRandom, silentLogger } from '../base/index.ts';
import { FakeNetwork, ManualTime } from '../../test/support/cluster/fake-links.ts';
import { PEER_NOT_LEADER } from '../wire/peer-message.ts';
import type { PeerMessage } from '../wire/peer-message.ts';
import { LeaderLink } from './leader-link.ts';
import type { LeaderRecord } from './leader-record.ts';

function record(holder: string, epoch = 1): LeaderRecord {
  const [name] = holder.split('#');
  return {
    holder,
    name: name ?? '',
    peerUrls: [`http://${name}`],
    epoch,
    counter: 0,
    leaseMs: 800,
    released: false,
    to: '',
  };
}

function world() {
  const time = new ManualTime();
  const network = new FakeNetwork();
  const told: string[] = [];
  const warnings: unknown[] = [];
  const link = new LeaderLink({
    network,
    self: { incarnation: 'b#1', name: 'b', member: () => 7n },
    clock: time,
    scheduler: time,
    random: new SeededRandom(1),
    logger: { ...silentLogger, warn: (_message, fields) => void warnings.push(fields) },
    listener: {
      ready: (epoch) => void told.push(`ready ${epoch}`),
      ended: (how) => void told.push(`ended ${how}`),
      drained: () => void told.push('drained'),
      commit: ({ epoch }) => void told.push(`commit ${epoch}`),
      announce: (epoch, sequence) => void told.push(`announce ${epoch} ${sequence}`),
      index: ({ id }) => void told.push(`index ${id}`),
      answers: ({ answers }) => void told.push(`answers ${answers.map(({ id }) => id).join()}`),
      released: (to) => void told.push(`released ${to}`),
    },
  });
  return { time, network, told, warnings, link };
}

const announce = (epoch: number, sequence = 1): PeerMessage => ({ kind: 'announce', epoch, sequence });
const answer = (id: number, code = 0): PeerMessage => ({
  kind: 'answers',
  answers: [{ id, code, message: '', body: EMPTY_BYTES }],
});

describe("a follower's link", () => {
  it('greets the node of the record by its incarnation, and is ready with the first announcement', () => {
    const { network, told, link } = world();
    link.follow(record('a#1'));
    expect(network.last.peerUrls).toEqual(['http://a']);
    expect(network.last.follower.sent).toEqual([
      { kind: 'hello', to: 'a#1', from: 'b#1', name: 'b', member: 7n },
    ]);
    expect(link.isReady).toBe(false);
    link.send({ kind: 'readIndex', id: 1 });
    expect(network.last.follower.sent).toHaveLength(1);
    network.last.say(announce(3, 9));
    expect(link.isReady).toBe(true);
    link.send({ kind: 'readIndex', id: 1 });
    expect(network.last.follower.sent).toHaveLength(2);
    expect(told).toEqual(['ready 3', 'announce 3 9']);
  });

  it('stays while the same incarnation is to be followed, and is another for any other', () => {
    const { time, network, told, link } = world();
    link.follow(record('a#1'));
    network.last.say(announce(1));
    link.follow(record('a#1', 2));
    expect(network.links).toHaveLength(1);
    link.follow(record('a#2', 3));
    expect(network.links).toHaveLength(2);
    expect(network.links[0]?.follower.isClosed).toBe(true);
    expect(told).toEqual(['ready 1', 'announce 1 1', 'ended lost']);
    time.advance(1000);
    expect(network.links).toHaveLength(2);
    expect(network.last.follower.sent[0]).toMatchObject({ to: 'a#2' });
  });

  it('is opened again 50 to 100 ms after it has ended, for as long as that node is the one to follow', () => {
    const { time, network, told, link } = world();
    link.follow(record('a#1'));
    for (let i = 1; i < 20; i++) {
      network.last.cut();
      link.follow(record('a#1'));
      time.advance(49);
      expect(network.links).toHaveLength(i);
      time.advance(52);
      expect(network.links).toHaveLength(i + 1);
    }
    network.last.cut();
    link.leave();
    time.advance(1000);
    expect(network.links).toHaveLength(20);
    expect(time.timerCount).toBe(0);
    expect(told).toEqual([]);
  });

  it('tells whether what has no answer was looked at', () => {
    const { time, network, told, link } = world();
    link.follow(record('a#1'));
    network.last.say(announce(1));
    network.last.say({ kind: 'notLeader' });
    expect(network.last.follower.isClosed).toBe(true);
    time.advance(100);
    network.last.say({ kind: 'notLeader' });
    time.advance(100);
    network.last.say(announce(2));
    network.last.cut();
    const expected = ['ready 1', 'announce 1 1', 'ended not-leader', 'ready 2', 'announce 2 1', 'ended lost'];
    expect(told).toEqual(expected);
  });

  it('takes no more calls once a call was not looked at, but all answers', () => {
    const { network, told, link } = world();
    link.follow(record('a#1'));
    network.last.say(announce(1));
    network.last.say(answer(1, PEER_NOT_LEADER));
    expect(link.isReady).toBe(false);
    network.last.say(announce(1, 2));
    expect(link.isReady).toBe(false);
    network.last.say(answer(2));
    network.last.say({ kind: 'released', to: 'c#1' });
    network.last.say({ kind: 'notLeader' });
    const expected = ['answers 1', 'announce 1 2', 'answers 2', 'released c#1', 'ended not-leader'];
    expect(told.slice(2)).toEqual(expected);
  });

  it('tells when there is room again', () => {
    const { network, told, link } = world();
    link.follow(record('a#1'));
    network.last.toLeader();
    network.last.say(announce(1));
    network.last.follower.room = 1;
    expect(link.send({ kind: 'readIndex', id: 1 })).toBe(true);
    expect(link.send({ kind: 'readIndex', id: 2 })).toBe(false);
    network.last.toLeader();
    expect(told.at(-1)).toBe('drained');
  });

  it('logs a broken rule at once, and again after a second, however often it is broken; others by themselves', () => {
    const { time, network, warnings, link } = world();
    const breaks = (message: PeerMessage): void => {
      network.last.say(message);
      time.advance(100);
    };
    link.follow(record('a#1'));
    for (let i = 0; i < 10; i++) breaks(answer(1));
    breaks({ kind: 'readIndex', id: 1 });
    expect(network.links).toHaveLength(12);
    for (let i = 0; i < 5; i++) breaks(answer(1));
    const leader = 'a';
    expect(warnings).toEqual([
      { why: 'its first message is answers', leader },
      { why: 'it sent what only a follower sends: readIndex', leader },
      { why: 'its first message is answers', leader, more: 9 },
    ]);
  });

  it('does not hear what comes late over a link that was given up', () => {
    const { network, told, link } = world();
    link.follow(record('a#1'));
    const first = network.last;
    const sink = first.follower.sink;
    link.follow(record('c#1'));
    sink?.message(announce(1));
    sink?.drained();
    sink?.ended();
    expect(told).toEqual([]);
    expect(network.links).toHaveLength(2);
  });

  it('may be given up by who is told that it is ready, or that it has ended', () => {
    const time = new ManualTime();
    const network = new FakeNetwork();
    const told: string[] = [];
    const nothing = (): void => undefined;
    const link: LeaderLink = new LeaderLink({
      network,
      self: { incarnation: 'b#1', name: 'b', member: () => 0n },
      ...{ clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger },
      listener: {
        ...{ drained: nothing, commit: nothing, index: nothing, answers: nothing, released: nothing },
        ready: () => link.leave(),
        announce: () => void told.push('announce'),
        ended: () => {
          told.push('ended');
          link.follow(record('c#1'));
        },
      },
    });
    link.follow(record('a#1'));
    network.last.say(announce(1));
    expect(told).toEqual(['ended']);
    time.advance(1000);
    expect(network.links.map(({ peerUrls }) => peerUrls[0])).toEqual(['http://a', 'http://c']);
  });

  const chunks = [{ sequence: 1, bytes: EMPTY_BYTES }];
  const broken: [string, PeerMessage[]][] = [
    ['a commit first', [{ kind: 'commit', epoch: 1, chunks, announced: 1 }]],
    ['an index first', [{ kind: 'index', id: 1, epoch: 1, sequence: 1 }]],
    ['answers first', [answer(1)]],
    ['released first', [{ kind: 'released', to: '' }]],
    ['a hello', [{ kind: 'hello', to: 'b#1', from: 'a#1', name: 'a', member: 1n }]],
    ['a question', [announce(1), { kind: 'readIndex', id: 1 }]],
    ['calls', [announce(1), { kind: 'calls', calls: [] }]],
    ['an epoch of an announcement that goes back', [announce(2), announce(1)]],
    [
      'an epoch of a commit that goes back',
      [announce(2), { kind: 'commit', epoch: 1, chunks, announced: 1 }],
    ],
    ['an epoch of an index that goes back', [announce(2), { kind: 'index', id: 1, epoch: 1, sequence: 1 }]],
  ];
  it.each(broken)('ends with %s, and is opened again', (_what, messages) => {
    const { time, network, told, link } = world();
    link.follow(record('a#1'));
    for (const message of messages) network.last.say(message);
    expect(network.last.follower.isClosed).toBe(true);
    expect(link.isReady).toBe(false);
    const expected = messages.length === 1 ? [] : ['ready', 'announce', 'ended'];
    expect(told.map((line) => line.split(' ')[0])).toEqual(expected);
    time.advance(101);
    expect(network.links).toHaveLength(2);
  });

  it('is not ready with an epoch lower than that of a link before', () => {
    const { time, network, told, link } = world();
    link.follow(record('a#1', 5));
    network.last.say(announce(5));
    link.follow(record('c#1', 4));
    network.last.say(announce(4));
    expect(told).toEqual(['ready 5', 'announce 5 1', 'ended lost']);
    time.advance(101);
    network.last.say(announce(6));
    expect(told.at(-2)).toBe('ready 6');
  });
});
