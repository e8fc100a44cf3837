/** Goal: promise 8 for messages that never come whole: bounded for all together, and fair. */
import { describe, expect, test } from 'vitest';
import { CallsServer } from '../../../test/support/calls-server.ts';
import { GrpcCode } from '../status.ts';
import { MessageBudget } from './message-budget.ts';

describe('a budget', () => {
  test('is for whoever comes while there is some', () => {
    const budget = new MessageBudget(100);
    expect(budget.take('a', 100)).toBe(true);
    expect(budget.take('a', 1)).toBe(false);
    budget.give('a', 1);
    expect(budget.take('a', 1)).toBe(true);
    expect(budget.bytes).toBe(100);
  });

  test('that is used up has a share for those who hold little', () => {
    const budget = new MessageBudget(100);
    budget.take('a', 100);
    expect(budget.take('b', 51)).toBe(false);
    expect(budget.take('b', 50)).toBe(true);
    expect(budget.take('c', 34)).toBe(false);
    expect(budget.take('c', 33)).toBe(true);
    expect(budget.take('a', 1)).toBe(false);
    budget.give('a', 100);
    expect(budget.take('b', 17)).toBe(true);
    for (const peer of ['b', 'c']) budget.give(peer, peer === 'b' ? 67 : 33);
    expect(budget.bytes).toBe(0);
    expect(budget.take('d', 100)).toBe(true);
  });

  test('never gives more than twice what it has, however it is asked', () => {
    const budget = new MessageBudget(1000);
    for (let round = 0; round < 20_000; round++) budget.take(`peer ${(round * 7919) % 97}`, 1 + (round % 40));
    expect(budget.bytes).toBeGreaterThan(900);
    expect(budget.bytes).toBeLessThanOrEqual(2000);
  });
});

describe('calls', () => {
  const beginning = (bytes: number): Buffer => {
    const body = Buffer.alloc(bytes);
    body.writeUInt32BE(50_000, 1);
    return body;
  };
  const limits = { receiveBytesMax: 60_000, budget: new MessageBudget(100_000) };

  test('above it are refused, and nothing of them is left', () => {
    const server = new CallsServer({}, limits);
    const held = [server.open('Echo'), server.open('Bidi')];
    for (const stream of held) stream.receive(beginning(45_000), false);
    const refused = server.open('Echo');
    refused.receive(beginning(45_000), false);
    expect(refused.status).toMatchObject({ code: GrpcCode.resourceExhausted });
    expect(refused.consumedBytes).toBe(45_000);
    for (const stream of held) {
      expect(stream.status).toBeUndefined();
      stream.receiver.cancelled(8);
    }
    const next = server.open('Echo');
    next.receive(beginning(45_000), false);
    next.receive(Buffer.alloc(5_005), true);
    expect(next.messages().map(({ bytes }) => bytes.length)).toEqual([50_000]);
  });

  test('give it back when the message is whole, whatever becomes of the call', () => {
    const server = new CallsServer({}, limits);
    for (let round = 0; round < 10; round++) {
      const stream = server.open('Bidi');
      for (let message = 0; message < 3; message++) {
        stream.receive(beginning(45_000), false, 999);
        stream.receive(Buffer.alloc(5_005), false, 999);
      }
      expect(stream.messages()).toHaveLength(3);
    }
  });

  test('small beginnings are not asked about', () => {
    const server = new CallsServer({}, { ...limits, budget: new MessageBudget(0) });
    const small = server.open('Echo');
    small.receive(beginning(2_000), false, 100);
    expect(small.status).toBeUndefined();
    small.receive(beginning(3_000), false, 100);
    expect(small.status).toMatchObject({ code: GrpcCode.resourceExhausted });
  });
});
