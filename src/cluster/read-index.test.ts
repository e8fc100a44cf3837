/** Goal: a read at a follower gets what the leader had committed after the read came, whoever leads meanwhile. */
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import type { FollowerMessage } from '../wire/peer-message.ts';
import { ReadIndexAsker } from './read-index.ts';
import type { LocalIndex } from './read-index.ts';

/** The way to a leader that the test plays. */
class Way {
  isReady = false;
  readonly sent: FollowerMessage[] = [];
  readonly failures: string[] = [];

  send(message: FollowerMessage): boolean {
    this.sent.push(message);
    return true;
  }

  fail(why: string): void {
    this.failures.push(why);
  }

  get ids(): number[] {
    return this.sent.flatMap((message) => (message.kind === 'readIndex' ? [message.id] : []));
  }
}

function world(faults?: ReadonlySet<string>) {
  const time = new ManualTime();
  const way = new Way();
  const told: string[] = [];
  const asker = new ReadIndexAsker({
    ...{ link: way, clock: time, scheduler: time, requestTimeoutMs: 7000 },
    ...(faults === undefined ? {} : { faults }),
  });
  const ask = (name: string): void => asker.ask((answer) => void told.push(`${name} ${answer}`));
  const ready = (): void => {
    way.isReady = true;
    asker.linkReady();
    time.settle();
  };
  const ended = (): void => {
    way.isReady = false;
    asker.linkEnded();
    time.settle();
  };
  const answer = (id: number, sequence: number | undefined): void => {
    asker.answered({ kind: 'index', id, epoch: 1, sequence });
    time.settle();
  };
  return { time, way, told, asker, ask, ready, ended, answer };
}

describe('a read index', () => {
  it('promise 3: serves all who came before it was asked for, and nobody who came later', () => {
    const { time, way, told, ask, ready, answer } = world();
    ready();
    ask('a');
    ask('b');
    time.settle();
    ask('c');
    time.settle();
    expect(way.ids).toEqual([1]);
    answer(1, 10);
    expect(told).toEqual(['a 10', 'b 10']);
    expect(way.ids).toEqual([1, 2]);
    answer(2, 11);
    expect(told).toEqual(['a 10', 'b 10', 'c 11']);
  });

  it('is joined under way by the planted fault', () => {
    const { time, told, ask, ready, answer } = world(new Set(['join-read-index']));
    ready();
    ask('a');
    time.settle();
    ask('c');
    answer(1, 10);
    expect(told).toEqual(['a 10', 'c 10']);
  });

  it('waits for a link, and is asked for again on the next one', () => {
    const { way, told, ask, ready, ended, answer } = world();
    ask('a');
    ready();
    ask('b');
    ended();
    ask('c');
    ready();
    expect(way.ids).toEqual([1, 2]);
    answer(1, 10);
    expect(told).toEqual([]);
    answer(2, 11);
    expect(told).toEqual(['a 11', 'b 11', 'c 11']);
  });

  it('is not asked for on a link that is not ready any more, though it has not ended', () => {
    const { time, way, told, ask, ready, answer } = world();
    ready();
    way.isReady = false;
    ask('a');
    time.settle();
    expect(way.sent).toEqual([]);
    ready();
    answer(way.ids.at(-1) ?? 0, 3);
    expect(told).toEqual(['a 3']);
  });

  it('is asked for again when the leader could not confirm that it leads, also for those who came meanwhile', () => {
    const { time, way, told, ask, ready, answer } = world();
    ready();
    ask('a');
    time.settle();
    answer(1, undefined);
    ask('b');
    time.settle();
    expect(way.ids).toEqual([1]);
    time.advance(20);
    time.settle();
    expect(way.ids).toEqual([1, 2]);
    answer(2, 4);
    expect(told).toEqual(['a 4', 'b 4']);
  });

  it('is not known in time without a leader', () => {
    const { time, told, ask, ready, ended } = world();
    ask('a');
    time.advance(3000);
    ready();
    ended();
    time.advance(3999);
    expect(told).toEqual([]);
    time.advance(1);
    expect(told).toEqual(['a Timeout']);
  });

  it('that nobody asked for ends the link; one that comes late does not', () => {
    const { time, way, told, ask, ready, ended, answer } = world();
    ready();
    ask('a');
    time.settle();
    ended();
    ready();
    answer(1, 5);
    expect(way.failures).toEqual([]);
    answer(3, 5);
    expect(way.failures).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it('is what this node has committed once it leads, and comes from a link again when it does not', () => {
    const { time, way, told, asker, ask, ready, ended, answer } = world();
    const questions: Parameters<LocalIndex>[0][] = [];
    ask('a');
    asker.serveLocally((done) => void questions.push(done));
    time.settle();
    ask('b');
    time.settle();
    expect(questions).toHaveLength(1);
    questions[0]?.(20);
    time.settle();
    expect(questions).toHaveLength(2);
    expect(told).toEqual(['a 20']);
    questions[1]?.(undefined);
    ended();
    asker.serveLocally(undefined);
    questions[1]?.(21);
    time.settle();
    ready();
    expect(way.ids).toHaveLength(1);
    answer(way.ids[0]!, 22);
    expect(told).toEqual(['a 20', 'b 22']);
  });

  it('that is under way when the lead changes hands is asked for where the lead is then', () => {
    const { time, way, told, asker, ask, ready, answer } = world();
    ready();
    ask('a');
    time.settle();
    const questions: Parameters<LocalIndex>[0][] = [];
    asker.serveLocally((done) => void questions.push(done));
    time.settle();
    answer(1, 5);
    expect(questions).toHaveLength(1);
    expect(told).toEqual([]);
    asker.serveLocally(undefined);
    time.settle();
    expect(way.ids).toHaveLength(2);
    questions[0]?.(6);
    expect(told).toEqual([]);
    answer(way.ids[1]!, 7);
    expect(told).toEqual(['a 7']);
  });

  it('is refused to all when it is closed', () => {
    const { time, told, asker, ask } = world();
    ask('a');
    asker.close();
    ask('b');
    time.settle();
    expect(told).toEqual(['a Stopped', 'b Stopped']);
    expect(time.timerCount).toBe(0);
  });
});

describe('what is counted of read indexes', () => {
  it('a question without an answer has failed, and a reader that waited in vain has timed out', () => {
    const { time, asker, ask, ready, ended, answer } = world();
    const counted = (): object => ({ failed: asker.failed, timeouts: asker.timeouts });
    ready();
    ask('a');
    time.settle();
    answer(1, 5);
    expect(counted()).toEqual({ failed: 0, timeouts: 0 });
    ask('b');
    time.settle();
    answer(2, undefined);
    expect(counted()).toEqual({ failed: 1, timeouts: 0 });
    time.advance(20);
    ended();
    expect(counted()).toEqual({ failed: 2, timeouts: 0 });
    ended();
    ask('c');
    time.advance(7000);
    expect(counted()).toEqual({ failed: 2, timeouts: 2 });
  });
});
