/**
 * Goal: what is sent on a link arrives in order, or the link has ended, whoever closes it and whatever breaks. Method:
 * the peer ports of two nodes on 127.0.0.1, opened as the program opens them, in plain text and with mutual TLS.
 */
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Histogram } from '../../telemetry/index.ts';
import type { PeerMessage } from '../../wire/index.ts';
import type { PeerFigures } from './peer-traffic.ts';
import { TestAuthority } from '../../../test/support/certificates.ts';
import { freePort } from '../../../test/support/process.ts';
import { mutualTls, nodeCertificate, SilentWay, TestPeer, until } from '../../../test/support/peers.ts';

let tlsFlags: string[];
const peers: TestPeer[] = [];

beforeAll(async () => {
  const authority = await TestAuthority.create();
  tlsFlags = mutualTls(authority, await nodeCertificate(authority, 'node'));
});

afterEach(async () => {
  for (const peer of peers.splice(0)) {
    await peer.close();
    expect(peer.faults).toEqual([]);
  }
});

async function peer(...flags: string[]): Promise<TestPeer> {
  const started = await TestPeer.start(...flags);
  peers.push(started);
  return started;
}

const question = (id: number): PeerMessage => ({ kind: 'readIndex', id });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe.each(['plain text', 'mutual TLS'])('over %s', (form) => {
  const pair = async (): Promise<[TestPeer, TestPeer]> => {
    const flags = form === 'mutual TLS' ? tlsFlags : [];
    return [(await peer(...flags)).accept(), await peer(...flags)];
  };

  test('all that is sent arrives in order, both ways, from the first message on', async () => {
    const [leader, follower] = await pair();
    const { link, sink } = follower.connect(leader.url);
    for (const id of numbers(100)) link.send(question(id));
    await until('a link', () => leader.accepted[0]?.messages.length === 100);
    for (const id of numbers(1000)) {
      leader.accepted[0]!.link!.send({ kind: 'announce', epoch: 1, sequence: id });
      if (id % 10 === 0) link.send(question(100 + id / 10));
    }
    await until('all', () => sink.messages.length === 1000 && leader.accepted[0]!.messages.length === 200);
    expect(leader.accepted[0]!.ids).toEqual(numbers(200));
    expect(sink.messages).toEqual(
      numbers(1000).map((sequence) => ({ kind: 'announce', epoch: 1, sequence })),
    );
    expect([sink.ends, leader.accepted[0]!.ends]).toEqual([0, 0]);
  });

  test('large messages, both ways, in the order of all others', async () => {
    const [leader, follower] = await pair();
    const { link, sink } = follower.connect(leader.url);
    const large = Buffer.alloc(8 * 1024 * 1024);
    for (let at = 0; at < large.length; at += 4096) large[at] = at / 4096;
    link.send(question(1));
    link.send({ kind: 'calls', calls: [{ id: 1, method: '/a.B/C', request: large }] });
    link.send(question(2));
    await until('the call', () => leader.accepted[0]?.messages.length === 3);
    const [, calls] = leader.accepted[0]!.messages;
    expect(calls?.kind === 'calls' && large.equals(calls.calls[0]!.request)).toBe(true);
    const commit: PeerMessage = {
      ...{ kind: 'commit', epoch: 1, announced: 0 },
      chunks: [
        { sequence: 1, bytes: large },
        { sequence: 2, bytes: Buffer.from('small') },
        { sequence: 3, bytes: large },
      ],
    };
    leader.accepted[0]!.link!.send(commit);
    leader.accepted[0]!.link!.send({ kind: 'notLeader' });
    await until('the commit', () => sink.messages.length === 2);
    const [received, last] = sink.messages;
    expect(last).toEqual({ kind: 'notLeader' });
    if (received?.kind !== 'commit') throw new Error('no commit came');
    expect(received.chunks.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(
      received.chunks.map(({ bytes }, at) => Buffer.from(commit.chunks[at]!.bytes).equals(bytes)),
    ).toEqual([...[true, true, true]]);
  });

  test('what goes each way is counted, and how long that takes, by the name of the other node', async () => {
    const [leader, follower] = await pair();
    const { link } = follower.connect(leader.url);
    const hello: PeerMessage = { kind: 'hello', to: 'l', from: 'f', name: 'follower', member: 0n };
    link.send(hello);
    link.send({ kind: 'calls', calls: [{ id: 1, method: '/a.B/C', request: Buffer.alloc(100_000) }] });
    await until('the messages', () => leader.accepted[0]?.messages.length === 2);
    const chunks = [{ sequence: 1, bytes: Buffer.alloc(50_000) }];
    leader.accepted[0]!.link!.send({ kind: 'commit', epoch: 1, announced: 0, chunks });
    const [near, far] = [[...follower.traffic.all()], [...leader.traffic.all()]];
    const measured = (peer: PeerFigures): number => Number(/_count (\d+)/.exec(textOf(peer))?.[1]);
    const textOf = ({ roundTrips }: PeerFigures): string => (roundTrips as Histogram).text();
    expect([near, far].map(([peer]) => peer?.name)).toEqual(['other', 'follower']);
    await until('all', () => near[0]!.receivedBytes > 50_000 && measured(near[0]!) > 0);
    await until('both', () => measured(far[0]!) > 0);
    // A question may be under way: one is asked every five seconds.
    await until('what was sent', () => near[0]!.sentBytes === far[0]!.receivedBytes);
    await until('what was sent', () => far[0]!.sentBytes === near[0]!.receivedBytes);
    expect(far[0]!.receivedBytes).toBeGreaterThan(100_000);
    expect([near[0]!.failures, far[0]!.failures]).toEqual([0, 0]);
    const { sink } = follower.connect('http://127.0.0.1:1');
    await until('the failure', () => sink.ends === 1);
    expect(near[0]!.failures).toBe(1);
  });

  test('the one that closes sends what it has, and hears nothing more', async () => {
    const [leader, follower] = await pair();
    const first = follower.connect(leader.url);
    const second = follower.connect(leader.url);
    first.link.send(question(0));
    second.link.send(question(1));
    await until(
      'the links',
      () => leader.accepted.every((sink) => sink.messages.length === 1) && leader.accepted.length === 2,
    );
    const [takenFirst, takenSecond] =
      leader.accepted[0]!.ids[0] === 0 ? leader.accepted : leader.accepted.toReversed();
    // The follower closes.
    for (const id of numbers(300)) first.link.send(question(id));
    first.link.close();
    expect(first.link.send(question(7))).toBe(true);
    await until('the end', () => takenFirst!.ends === 1);
    expect(takenFirst!.ids).toEqual([0, ...numbers(300)]);
    expect(takenFirst!.link!.send({ kind: 'notLeader' })).toBe(true);
    // The leader closes.
    for (const id of numbers(300)) takenSecond!.link!.send(question(id));
    takenSecond!.link!.close();
    await until('the end', () => second.sink.ends === 1);
    expect(second.sink.ids).toEqual(numbers(300));
    expect([first.sink.ends, first.sink.messages.length, takenSecond!.ends]).toEqual([0, 0, 0]);
  });

  test('a link that breaks ends once on both sides', async () => {
    const [leader, follower] = await pair();
    const { link, sink } = follower.connect(leader.url);
    link.send(question(1));
    await until('a link', () => leader.accepted[0]?.messages.length === 1);
    await follower.open.close();
    await until('the end', () => leader.accepted[0]!.ends === 1);
    expect(sink.ends).toBe(0);

    const other = await peer(...(form === 'mutual TLS' ? tlsFlags : []));
    const again = other.connect(leader.url);
    again.link.send(question(2));
    await until('a link', () => leader.accepted[1]?.messages.length === 1);
    // In the middle of a message.
    leader.accepted[1]!.link!.send({
      ...{ kind: 'commit', epoch: 1, announced: 0 },
      chunks: [{ sequence: 1, bytes: Buffer.alloc(32 * 1024 * 1024) }],
    });
    await leader.open.close();
    await until('the end', () => again.sink.ends === 1);
    expect(again.sink.messages).toEqual([]);
    await until('silence', () => leader.accepted[1]!.ends === 1);
    expect(leader.accepted[0]!.ends).toBe(1);
  });

  test('a hundred links at a time', async () => {
    const [leader, follower] = await pair();
    const links = numbers(100).map(() => follower.connect(leader.url));
    links.forEach(({ link }, id) => link.send(question(id)));
    await until(
      'all of them',
      () => leader.accepted.filter(({ messages }) => messages.length === 1).length === 100,
    );
    expect(leader.accepted.map(({ ids }) => ids[0]!).toSorted((a, b) => a - b)).toEqual(numbers(100));
    for (const { link, ids } of leader.accepted) link!.send(question(ids[0]!));
    await until('all answers', () => links.every(({ sink }) => sink.messages.length === 1));
    expect(links.map(({ sink }) => sink.ids[0])).toEqual(numbers(100));
    for (const { link } of links) link.close();
    await until('all ends', () => leader.accepted.every(({ ends }) => ends === 1));
  });
});

describe('a link that does not come about', () => {
  test('ends once, in a turn of its own: nobody listens, or there is no URL', async () => {
    const follower = await peer();
    for (const urls of [
      ['http://127.0.0.1:1'],
      ['http://127.0.0.1:1'],
      [],
      ['nonsense', 'unix:///nowhere', 'http://[::1'],
    ]) {
      const { link, sink } = follower.connect(...urls);
      link.send(question(1));
      expect(sink.ends).toBe(0);
      await until('the end', () => sink.ends === 1);
      link.send(question(2));
      link.close();
    }
    const told = follower.warnings.filter((warning) => warning.includes('http://127.0.0.1:1'));
    expect(told).toHaveLength(1);
  });

  test('a link that is closed before it stands is never heard of again', async () => {
    const leader = (await peer()).accept();
    const follower = await peer();
    const { link, sink } = follower.connect(leader.url);
    link.send(question(1));
    link.close();
    const next = follower.connect(leader.url);
    next.link.send(question(2));
    await until('the next', () => leader.accepted.some(({ messages }) => messages.length === 1));
    expect(leader.accepted.flatMap(({ ids }) => ids)).toEqual([2]);
    expect(sink.ends).toBe(0);
  });

  test('is refused until somebody takes links', async () => {
    const leader = await peer();
    const follower = await peer();
    const refused = follower.connect(leader.url);
    refused.link.send(question(1));
    await until('the refusal', () => refused.sink.ends === 1);
    expect(follower.warnings.join()).toContain('the node takes no links yet');
    leader.accept();
    const taken = follower.connect(leader.url);
    taken.link.send(question(2));
    await until('the link', () => leader.accepted[0]?.ids[0] === 2);
  });

  test('a node that takes connections and never answers is given up', async () => {
    const sockets: { destroy(): void }[] = [];
    const deaf = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const follower = await peer('--leader-lease=500ms');
    const startedMs = performance.now();
    const { sink } = follower.connect(`http://127.0.0.1:${(deaf.address() as AddressInfo).port}`);
    await until('the end', () => sink.ends === 1);
    expect(performance.now() - startedMs).toBeGreaterThan(1_900);
    expect(follower.warnings.join()).toContain('no answer within 2000 ms');
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });
});

test('links that failed leave nothing that connects later', async () => {
  const follower = await peer();
  const port = await freePort();
  const sinks = numbers(20).map(() => follower.connect(`http://127.0.0.1:${port}`).sink);
  await until('all ends', () => sinks.every(({ ends }) => ends === 1));
  let connections = 0;
  const back = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => back.listen(port, '127.0.0.1', resolve));
  // grpc-js tries again after a second, for clients that are closed, too.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  back.close();
  expect(connections).toBe(0);
});

test('of several URLs the first that answers is used, and nothing is sent twice', async () => {
  const leader = (await peer()).accept();
  const follower = await peer();
  const { link, sink } = follower.connect('http://127.0.0.1:1', 'http://127.0.0.1:2', leader.url);
  for (const id of numbers(3)) link.send(question(id));
  await until('the link', () => leader.accepted[0]?.messages.length === 3);
  expect(leader.accepted).toHaveLength(1);
  expect(leader.accepted[0]!.ids).toEqual(numbers(3));
  expect(sink.ends).toBe(0);
});

test('a name is looked up, and a proxy of the environment is not asked', async () => {
  const leader = (await peer('--listen-peer-urls=http://localhost:0')).accept();
  const follower = await peer();
  const names = ['http_proxy', 'https_proxy', 'grpc_proxy'];
  for (const name of names) process.env[name] = 'http://127.0.0.1:1';
  try {
    follower.connect(leader.url).link.send(question(1));
    await until('the link', () => leader.accepted[0]?.messages.length === 1);
  } finally {
    for (const name of names) delete process.env[name];
  }
});

describe('a way that is full', () => {
  test('while it connects: `send` says so, and `drained` when there is room', async () => {
    const leader = (await peer()).accept();
    const follower = await peer();
    const { link, sink } = follower.connect(leader.url);
    const told = numbers(10).map((id) => link.send(question(id)));
    expect(told).toEqual([...Array<boolean>(7).fill(true), false, false, false]);
    await until('room', () => sink.drains > 0);
    await until('all', () => leader.accepted[0]?.messages.length === 10);
    expect(leader.accepted[0]!.ids).toEqual(numbers(10));
    expect(sink.drains).toBe(1);
  });

  test('on the side that has opened it', async () => {
    const leader = (await peer()).accept();
    const follower = await peer();
    const { link, sink } = follower.connect(leader.url);
    link.send(question(0));
    await until('the link', () => leader.accepted[0]?.messages.length === 1);
    const request = Buffer.alloc(1024 * 1024);
    const told = numbers(40).map((id) =>
      link.send({ kind: 'calls', calls: [{ id, method: '/a.B/C', request }] }),
    );
    expect(told[0]).toBe(true);
    expect(told.at(-1)).toBe(false);
    expect(sink.drains).toBe(0);
    await until('room', () => sink.drains === 1);
    await until('all', () => leader.accepted[0]!.messages.length === 41);
  });
});

describe('a node that falls silent', () => {
  test('is found out in about two lease times, although the connection stands', async () => {
    const leader = (await peer()).accept();
    const leaseMs = 1500;
    const follower = await peer(`--leader-lease=${leaseMs}ms`);
    const way = await SilentWay.open(leader.port);
    const { link, sink } = follower.connect(way.url);
    link.send(question(1));
    await until('the link', () => leader.accepted[0]?.messages.length === 1);
    // It stands for as long as there are answers, however little is said.
    await new Promise((resolve) => setTimeout(resolve, 3 * leaseMs));
    expect(sink.ends).toBe(0);
    way.isSilent = true;
    const startedMs = performance.now();
    await until('the end', () => sink.ends === 1);
    // One to two lease times, and what a busy machine adds. The other side would notice after 15 seconds.
    expect(performance.now() - startedMs).toBeGreaterThan(0.6 * leaseMs);
    expect(performance.now() - startedMs).toBeLessThan(2 * leaseMs + 8_000);
    way.close();
  });
});
