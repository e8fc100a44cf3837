/** Goal: the simulated network does what links promise (src/cluster/peer-network.ts), and finds who abuses them. */
import { describe, expect, it } from 'vitest';
import type { Link, LinkSink } from '../../../src/cluster/peer-network.ts';
import type { PeerMessage } from '../../../src/wire/peer-message.ts';
import { World } from '../world.ts';
import { SimNetwork } from './network.ts';

const QUIET = {
  loss: 0,
  netTail: 0,
  slowLinks: 0,
  slowBytesPerMs: 1,
  linkBytesMax: 1 << 20,
  keepAliveMs: 1000,
};

class Side implements LinkSink {
  readonly ids: number[] = [];
  drains = 0;
  ends = 0;
  message(message: PeerMessage): void {
    if (message.kind === 'readIndex') this.ids.push(message.id);
  }
  drained(): void {
    this.drains++;
  }
  ended(): void {
    this.ends++;
  }
}

function pair(profile: Partial<typeof QUIET> = {}) {
  const world = new World(1);
  const problems: string[] = [];
  const fail = (problem: string): void => void problems.push(problem);
  const network = new SimNetwork({ world, profile: { ...QUIET, ...profile }, fail });
  const [a, b] = [network.join('a', 'a#1'), network.join('b', 'b#2')];
  const [near, far] = [new Side(), new Side()];
  const taken: Link[] = [];
  b.accept((link) => {
    taken.push(link);
    return far;
  });
  const link = a.connect(network.urlsOf('b'), near, 'b');
  return { world, network, problems, near, far, link, taken };
}

const ask = (id: number): PeerMessage => ({ kind: 'readIndex', id });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('the simulated network', () => {
  it('delivers in order, both ways, also what was sent before the connection stood', async () => {
    const { world, near, far, link, taken } = pair({ netTail: 0.5 });
    for (const id of numbers(50)) link.send(ask(id));
    await world.run(5_000);
    for (const id of numbers(50)) taken[0]?.send(ask(id));
    await world.run(10_000);
    expect([near.ids, far.ids]).toEqual([numbers(50), numbers(50)]);
  });

  it('says when the way is full, and when it is not any more', async () => {
    const { world, near, far, link } = pair({ linkBytesMax: 20, slowLinks: 1, slowBytesPerMs: 0.05 });
    const taken = numbers(10).map((id) => link.send(ask(id)));
    expect(taken).toEqual([...numbers(5).map(() => true), ...numbers(5).map(() => false)]);
    await world.run(5_000);
    expect([far.ids.length, near.drains]).toEqual([10, 1]);
    expect(link.send(ask(11))).toBe(true);
  });

  it('holds back what is cut for short, in one direction only; and ends what is cut for long', async () => {
    const { world, network, near, far, link, taken } = pair();
    await world.run(100);
    const heal = network.cut('a', 'b');
    link.send(ask(1));
    taken[0]?.send(ask(2));
    await world.run(500);
    expect([far.ids, near.ids]).toEqual([[], [2]]);
    heal();
    await world.run(1_500);
    expect([far.ids, far.ends]).toEqual([[1], 0]);
    network.cut('b', 'a');
    await world.run(5_000);
    expect([near.ends, far.ends]).toEqual([1, 1]);
  });

  it('ends with its node, and after what was sent when one side closes it', async () => {
    const first = pair();
    await first.world.run(100);
    first.link.send(ask(1));
    first.link.close();
    await first.world.run(500);
    expect([first.far.ids, first.far.ends, first.near.ends]).toEqual([[1], 1, 0]);
    const second = pair();
    await second.world.run(100);
    second.world.kill('b#2');
    second.network.leave('b#2');
    await second.world.run(3_000);
    expect([second.near.ends, second.far.ends]).toEqual([1, 0]);
  });

  it('finds bytes that change under way, and commits that are pushed although the way is full', async () => {
    const { world, problems, link } = pair({ linkBytesMax: 20 });
    const bytes = Buffer.alloc(50_000, 1);
    const commit = { kind: 'commit', epoch: 1, chunks: [{ sequence: 1, bytes }], announced: 1 } as const;
    link.send(commit);
    link.send(commit);
    bytes[0] = 0;
    await world.run(500);
    expect(problems.map((problem) => problem.split(',')[0])).toEqual([
      'a#1 pushes a commit to b#2',
      'a commit has changed while it was sent',
      'a commit has changed while it was sent',
    ]);
  });
});
