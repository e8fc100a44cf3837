/**
 * Goal: a member that is cut off does not keep the client with the leader that it remembers. Method: members that are
 * functions, on virtual time.
 */

import { describe, expect, test } from 'vitest';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import { SeededRandom, silentLogger } from '../../base/index.ts';
import { Backoff } from '../backoff.ts';
import type { Channels } from '../channels.ts';
import { Members } from './members.ts';

interface FakeMember {
  /** Whom it takes for the leader. */
  leader?: string;
  answersAfterMs: number;
}

function open(members: Record<string, FakeMember>) {
  const time = new VirtualTime();
  const environment = { clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger };
  const dropped: string[] = [];
  const member = (address: string) => ({ clientUrls: [`http://${address}`] });
  const unary = async ({ address }: { address: string }, { timeoutMs }: { timeoutMs: number }) => {
    const { leader, answersAfterMs } = members[address] ?? { answersAfterMs: Infinity };
    await time.sleep(Math.min(answersAfterMs, timeoutMs));
    if (answersAfterMs > timeoutMs) throw new Error(`${address}: no answer`);
    return {
      header: { clusterId: 7n, error: undefined },
      members: Object.keys(members).map(member),
      leader: leader === undefined ? undefined : member(leader),
    };
  };
  const channels = { unary, drop: (address: string) => dropped.push(address) } as unknown as Channels;
  const given = Object.keys(members).slice(0, 2);
  const client = new Members({ given, channels, environment });
  const find = () => time.run(client.find(new Backoff(environment, 10_000)));
  return { time, members, client, dropped, find };
}

describe('Members', () => {
  test('the first answer that names a leader counts', async () => {
    const { find, client } = open({
      'a:1': { answersAfterMs: 5 },
      'b:1': { leader: 'a:1', answersAfterMs: 10 },
    });
    expect(await find()).toBe('a:1');
    expect(client.clusterId).toBe(7n);
    expect(client.leader).toBe('a:1');
  });

  test('an answer that names the leader which has just failed gives way to a later one', async () => {
    const { find, members, client } = open({
      'a:1': { leader: 'a:1', answersAfterMs: 1 },
      'b:1': { leader: 'a:1', answersAfterMs: 50 },
    });
    await find();
    members['b:1'] = { leader: 'b:1', answersAfterMs: 50 };
    client.fail('a:1');
    expect(client.leader).toBeUndefined();
    expect(await find()).toBe('b:1');
  });

  test('the leader that has failed is the leader if nobody knows another', async () => {
    const { find, client } = open({
      'a:1': { leader: 'a:1', answersAfterMs: 1 },
      'b:1': { answersAfterMs: 50 },
    });
    await find();
    client.fail('a:1');
    expect(await find()).toBe('a:1');
  });

  test('members that are named are asked, and those that are no more are dropped', async () => {
    const { find, members, client, dropped } = open({
      'a:1': { leader: 'a:1', answersAfterMs: 1 },
      'b:1': { leader: 'a:1', answersAfterMs: 2 },
      'c:1': { leader: 'a:1', answersAfterMs: 3 },
    });
    await find();
    expect(client.addresses).toEqual(['a:1', 'b:1', 'c:1']);
    delete members['c:1'];
    client.fail('a:1');
    await find();
    expect(client.addresses).toEqual(['a:1', 'b:1']);
    expect(dropped).toEqual(['c:1']);
  });
});
