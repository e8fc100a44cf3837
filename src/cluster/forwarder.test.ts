/** Goal: a call of a follower reaches the leader once, or ends with an answer that says what may have become of it. */
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { EMPTY_BYTES } from '../base/index.ts';
import { STORE_ERRORS } from '../store/index.ts';
import type { FollowerMessage, PeerAnswer, PeerCall } from '../wire/peer-message.ts';
import { PEER_NOT_LEADER } from '../wire/peer-message.ts';
import type { ServeForwarded } from './cluster-node-api.ts';
import { Forwarder } from './forwarder.ts';
import type { ForwarderLimits } from './forwarder.ts';
import type { LinkEnd } from './leader-link.ts';

/** The way to a leader that the test plays; a link that fails ends, as the real one does. */
class Way {
  isReady = false;
  isFull = false;
  onFail: () => void = () => undefined;
  readonly failures: string[] = [];
  readonly messages: (readonly PeerCall[])[] = [];

  send(message: FollowerMessage): boolean {
    if (message.kind === 'calls') this.messages.push(message.calls);
    return !this.isFull;
  }

  fail(why: string): void {
    this.failures.push(why);
    this.onFail();
  }

  /** The methods of all calls that were sent, a string for each message. */
  get sent(): string[] {
    return this.messages.map((calls) => calls.map(({ method }) => method).join(' '));
  }

  /** The id under which a call was sent last. */
  id(method: string): number {
    return this.messages.flat().findLast((call) => call.method === method)?.id ?? 0;
  }
}

const NAMES = new Map(Object.entries(STORE_ERRORS).map(([name, [, text]]) => [text as string, name]));

function world(limits: Partial<ForwarderLimits> = {}) {
  const time = new ManualTime();
  const way = new Way();
  const told: string[] = [];
  const forwarder = new Forwarder({
    ...{ link: way, clock: time, scheduler: time, member: () => 7n, requestTimeoutMs: 7000, limits },
  });
  const ended = (how?: LinkEnd): void => {
    way.isReady = false;
    forwarder.linkEnded(how);
    time.settle();
  };
  way.onFail = () => ended('lost');
  const call = (method: string, bytes = 10): void =>
    forwarder.forward(method, Buffer.alloc(bytes), ({ code, message, body }) => {
      told.push(`${method} ${code === 0 ? Buffer.from(body).toString() : (NAMES.get(message) ?? message)}`);
    });
  const ready = (): void => {
    way.isReady = true;
    way.isFull = false;
    forwarder.linkReady();
    time.settle();
  };
  const answer = (...answers: (string | Partial<PeerAnswer>)[]): void => {
    const all = answers.map((answer) => {
      const fields = typeof answer === 'string' ? { id: way.id(answer), body: Buffer.from('ok') } : answer;
      return { id: 0, code: 0, message: '', body: EMPTY_BYTES, ...fields };
    });
    forwarder.answers({ kind: 'answers', answers: all });
    time.settle();
  };
  const unseen = (method: string): Partial<PeerAnswer> => ({ id: way.id(method), code: PEER_NOT_LEADER });
  return { time, way, told, forwarder, call, ready, ended, answer, unseen };
}

describe('forwarded calls', () => {
  it('leave together at the end of their turn, and each has its answer', () => {
    const { time, way, told, call, ready, answer } = world();
    ready();
    call('a');
    call('b');
    expect(way.sent).toEqual([]);
    time.turn();
    call('c');
    time.turn();
    expect(way.sent).toEqual(['a b', 'c']);
    answer('b', { id: way.id('c'), code: 5, message: 'text' });
    expect(told).toEqual(['b ok', 'c text']);
    answer('a');
    expect(told.at(-1)).toBe('a ok');
    time.advance(10_000);
    expect(told).toHaveLength(3);
    expect(way.sent).toHaveLength(2);
  });

  it('wait for a leader, and then leave together', () => {
    const { time, way, call, ready } = world();
    call('a');
    time.advance(3000);
    call('b');
    time.settle();
    expect(way.sent).toEqual([]);
    ready();
    expect(way.sent).toEqual(['a b']);
  });

  it('end after the time-out when there is no leader, though never when they were sent', () => {
    const { time, told, call, ready, answer } = world();
    call('a');
    time.advance(2000);
    call('b');
    time.advance(4999);
    expect(told).toEqual([]);
    time.advance(1);
    expect(told).toEqual(['a Timeout']);
    ready();
    time.advance(100_000);
    expect(told).toEqual(['a Timeout']);
    answer('b');
    expect(told).toEqual(['a Timeout', 'b ok']);
  });

  it('are never sent again when their link has ended, and those that were not sent wait on', () => {
    const { way, told, forwarder, call, ready, ended, time } = world();
    ready();
    call('a');
    time.settle();
    call('b');
    ended('lost');
    expect(told).toEqual(['a TimeoutDueToConnectionLost']);
    ready();
    expect(way.sent).toEqual(['a', 'b']);
    // Who does not say how it has ended has lost it.
    forwarder.linkEnded();
    expect(told.at(-1)).toBe('b TimeoutDueToConnectionLost');
    ready();
    expect(way.sent).toHaveLength(2);
  });

  it('are sent to the next leader when this one has said that nobody looked at them', () => {
    const { time, way, told, call, ready, ended, answer, unseen } = world();
    ready();
    call('a');
    call('b');
    call('c');
    time.settle();
    way.isReady = false;
    answer('b', unseen('c'));
    call('d');
    time.settle();
    ended('not-leader');
    expect(way.sent).toEqual(['a b c']);
    ready();
    expect(way.sent).toEqual(['a b c', 'a c d']);
    answer('a', 'c', 'd');
    expect(told).toEqual(['b ok', 'a ok', 'c ok', 'd ok']);
  });

  it('wait no longer in all when they are not looked at', () => {
    const { time, way, told, call, ready, ended, answer, unseen } = world();
    ready();
    call('a');
    time.advance(4000);
    way.isReady = false;
    answer(unseen('a'));
    ended('not-leader');
    time.advance(2999);
    expect(told).toEqual([]);
    time.advance(1);
    expect(told).toEqual(['a Timeout']);
  });

  it('wait while the way is full', () => {
    const { time, way, forwarder, call, ready } = world();
    ready();
    way.isFull = true;
    call('a');
    time.settle();
    call('b');
    time.settle();
    call('c');
    expect(way.sent).toEqual(['a']);
    forwarder.drained();
    time.settle();
    expect(way.sent).toEqual(['a', 'b c']);
    call('d');
    time.settle();
    ready();
    expect(way.sent).toEqual(['a', 'b c', 'd']);
  });

  it('that are too many, or too long, are refused, waiting and sent ones counted together', () => {
    const { time, told, call, ready, answer } = world({ callsMax: 3, bytesMax: 100 });
    ready();
    call('a', 50);
    time.settle();
    call('b', 51);
    call('c', 50);
    call('d', 0);
    call('e', 0);
    expect(told).toEqual([]);
    time.settle();
    expect(told).toEqual(['b TooManyRequests', 'e TooManyRequests']);
    answer('a');
    call('f', 50);
    call('g', 0);
    time.settle();
    expect(told.slice(2)).toEqual(['a ok', 'g TooManyRequests']);
  });

  it('of one turn are several messages only when they are long', () => {
    const { time, way, call, ready } = world({ messageBytesMax: 100 });
    ready();
    for (const [name, bytes] of [
      ['a', 60] as const,
      ['b', 40] as const,
      ['c', 1] as const,
      ['d', 500] as const,
    ])
      call(name, bytes);
    time.settle();
    expect(way.sent).toEqual(['a b', 'c', 'd']);
  });

  it('are served here when this node leads, those that wait too, but not those that were sent', () => {
    const { time, way, told, forwarder, call, ready, ended } = world();
    const served: Parameters<ServeForwarded>[] = [];
    ready();
    call('sent');
    time.settle();
    ended('lost');
    call('waits');
    time.settle();
    forwarder.serveLocally((...parts) => void served.push(parts));
    call('comes');
    time.settle();
    expect(served.map(([{ member, method }]) => [member, method])).toEqual([
      [7n, 'waits'],
      [7n, 'comes'],
    ]);
    served[0]?.[1]({ code: 0, message: '', body: Buffer.from('here') });
    served[1]?.[1]({ code: PEER_NOT_LEADER, message: '', body: EMPTY_BYTES });
    forwarder.serveLocally(undefined);
    call('later');
    time.settle();
    const expected = ['sent TimeoutDueToConnectionLost', 'waits here', 'comes LeaderChanged'];
    expect(told).toEqual(expected);
    expect(served).toHaveLength(2);
    ready();
    expect(way.sent).toEqual(['sent', 'later']);
  });

  it.each([
    ['no call', { id: 99 }],
    ['a call twice', 'a'],
    ['with no code', { id: 2, code: 17 }],
    ['with half a code', { id: 2, code: 0.5 }],
  ])('an answer to %s ends the link; what the leader did not look at waits on', (_what, wrong) => {
    const { time, way, told, call, ready, answer, unseen } = world();
    ready();
    call('a');
    call('b');
    call('c');
    time.settle();
    answer('a', unseen('c'), wrong);
    expect(way.failures).toHaveLength(1);
    expect(told).toEqual(['a ok', 'b TimeoutDueToConnectionLost']);
    ready();
    expect(way.sent).toEqual(['a b c', 'c']);
  });

  it('end when this node is closed', () => {
    const { time, told, forwarder, call, ready, ended } = world();
    ready();
    call('a');
    time.settle();
    call('b');
    forwarder.close();
    call('c');
    time.settle();
    ended('lost');
    ready();
    expect(told).toEqual(['a TimeoutDueToConnectionLost', 'b Stopped', 'c Stopped']);
    expect(time.timerCount).toBe(0);
  });
});
