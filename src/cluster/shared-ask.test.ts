/** Goal: one question serves many, and nobody gets the answer to one that was sent before they asked. */
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { SharedAsk } from './shared-ask.ts';

function world(options: { joins?: boolean; askersMax?: number; pacedFrom?: number; pacedMs?: number } = {}) {
  const time = new ManualTime();
  const sent: number[] = [];
  const told: string[] = [];
  const shared = new SharedAsk<number>({
    ...{ clock: time, scheduler: time, timeoutMs: 7000, askersMax: 100, ...options },
    send: (id) => void sent.push(id),
  });
  const ask = (name: string): void => shared.ask((answer) => void told.push(`${name} ${answer}`));
  return { time, sent, told, shared, ask };
}

describe('a shared question', () => {
  it('is one for all who ask in one turn, and is sent after it', () => {
    const { time, sent, told, shared, ask } = world();
    shared.open();
    ask('a');
    ask('b');
    expect(sent).toEqual([]);
    time.turn();
    expect(sent).toEqual([1]);
    shared.answered(1, 5);
    expect(told).toEqual(['a 5', 'b 5']);
    time.advance(10_000);
    expect(sent).toEqual([1]);
    expect(told).toHaveLength(2);
  });

  it('is never joined while it is under way: who comes then shares the next', () => {
    const { time, sent, told, shared, ask } = world();
    shared.open();
    ask('a');
    time.turn();
    ask('b');
    time.turn();
    ask('c');
    time.turn();
    expect(sent).toEqual([1]);
    shared.answered(1, 5);
    expect(told).toEqual(['a 5']);
    time.turn();
    expect(sent).toEqual([1, 2]);
    shared.answered(1, 6);
    expect(told).toEqual(['a 5']);
    shared.answered(2, 7);
    expect(told).toEqual(['a 5', 'b 7', 'c 7']);
  });

  it('is joined only by the planted fault', () => {
    const { time, told, shared, ask } = world({ joins: true });
    shared.open();
    ask('a');
    time.turn();
    ask('b');
    shared.answered(1, 5);
    expect(told).toEqual(['a 5', 'b 5']);
  });

  it('is not sent before it can be, and is sent again, for all, when it was not answered', () => {
    const { time, sent, told, shared, ask } = world();
    ask('a');
    time.settle();
    expect(sent).toEqual([]);
    shared.open();
    time.settle();
    expect(sent).toEqual([1]);
    ask('b');
    shared.shut();
    time.settle();
    shared.answered(1, 5);
    shared.open();
    time.settle();
    expect(sent).toEqual([1, 2]);
    shared.unanswered(2, 20);
    ask('c');
    time.advance(19);
    expect(sent).toEqual([1, 2]);
    time.advance(1);
    time.settle();
    expect(sent).toEqual([1, 2, 3]);
    shared.answered(3, 9);
    expect(told).toEqual(['a 9', 'b 9', 'c 9']);
  });

  it('waits so long and no longer, each from when they asked', () => {
    const { time, told, ask } = world();
    ask('a');
    time.advance(3000);
    ask('b');
    time.advance(3999);
    expect(told).toEqual([]);
    time.advance(1);
    expect(told).toEqual(['a Timeout']);
    time.advance(2999);
    expect(told).toHaveLength(1);
    time.advance(1);
    expect(told).toEqual(['a Timeout', 'b Timeout']);
    expect(time.timerCount).toBe(0);
  });

  it('does not keep the next one back when it is never answered', () => {
    const { time, sent, told, shared, ask } = world();
    shared.open();
    ask('a');
    time.advance(4000);
    ask('b');
    time.advance(3000);
    time.settle();
    expect(told).toEqual(['a Timeout']);
    expect(sent).toEqual([1, 2]);
    shared.answered(1, 5);
    shared.answered(2, 6);
    expect(told).toEqual(['a Timeout', 'b 6']);
  });

  it('is refused to who is one too many, and to all when it is closed, but never inside the call', () => {
    const { time, told, shared, ask } = world({ askersMax: 2 });
    shared.open();
    ask('a');
    time.turn();
    ask('b');
    ask('c');
    expect(told).toEqual([]);
    time.settle();
    expect(told).toEqual(['c TooManyRequests']);
    shared.close();
    ask('d');
    expect(told).toEqual(['c TooManyRequests', 'a Stopped', 'b Stopped']);
    time.settle();
    expect(told.at(-1)).toBe('d Stopped');
    expect(time.timerCount).toBe(0);
  });

  it('may be asked again by who is told', () => {
    const { time, sent, told, shared, ask } = world();
    shared.open();
    shared.ask(() => ask('a'));
    time.settle();
    shared.answered(1, 5);
    time.settle();
    expect(sent).toEqual([1, 2]);
    shared.answered(2, 6);
    expect(told).toEqual(['a 6']);
  });

  it('waits a little after a question that many shared, and not after one of few', () => {
    const { time, sent, told, shared, ask } = world({ pacedFrom: 2, pacedMs: 1 });
    shared.open();
    ask('a');
    time.settle();
    shared.answered(1, 5);
    ask('b');
    ask('c');
    time.settle();
    expect(sent).toEqual([1, 2]);
    shared.answered(2, 6);
    ask('d');
    time.settle();
    expect(sent).toEqual([1, 2]);
    time.advance(1);
    expect(sent).toEqual([1, 2, 3]);
    shared.answered(3, 7);
    expect(told).toEqual(['a 5', 'b 6', 'c 6', 'd 7']);
  });
});
