import { expect, test } from 'vitest';
import type { BidiStream, Call, GrpcStatus, Message, Method } from '../transport/index.ts';
import { counted, type MethodCounters } from './counters.ts';

const call: Call = {
  path: '/a.B/C',
  peer: 'here',
  deadlineMs: Infinity,
  ended: false,
  metadata: () => undefined,
  onCancel: () => undefined,
};

function countersOf(method: Method): { entry: MethodCounters; method: Method } {
  const counters: MethodCounters[] = [];
  const service = counted({ name: 'a.B', methods: { C: method } }, counters);
  return { entry: counters[0]!, method: service.methods['C']! };
}

test('unary calls are counted with their bytes and codes', () => {
  const statuses: (GrpcStatus | undefined)[] = [undefined, { code: 3, message: 'no' }];
  const { entry, method } = countersOf({
    kind: 'unary',
    handle: (_request, _call, reply) => {
      const status = statuses.shift();
      if (status === undefined) reply(undefined, [Buffer.alloc(3), Buffer.alloc(4)]);
      else reply(status);
    },
  });
  if (method.kind !== 'unary') throw new Error('the kind changed');
  method.handle(Buffer.alloc(10), call, () => undefined);
  method.handle(Buffer.alloc(1), call, () => undefined);
  expect(entry).toMatchObject({
    started: 2,
    messagesReceived: 2,
    messagesSent: 1,
    receivedBytes: 11,
    sentBytes: 7,
  });
  expect([...entry.handled].map((count, code) => [code, count]).filter(([, count]) => count! > 0)).toEqual([
    [0, 1],
    [3, 1],
  ]);
});

test('streams are counted message by message, and one that is cut short with the code that it ended with', () => {
  let cancel: (code: number) => void = () => undefined;
  let deliver: (request: Uint8Array) => void = () => undefined;
  const sentMessages: Message[] = [];
  const stream: BidiStream = {
    ...call,
    onCancel: (run) => {
      cancel = run;
    },
    onMessage: (run) => {
      deliver = run;
    },
    send: (message) => sentMessages.push(message) > 0,
    onDrain: () => undefined,
    onHalfClose: () => undefined,
    end: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  };
  const { entry, method } = countersOf({
    kind: 'bidi',
    handle: (each) => each.onMessage((request) => each.send([request, request])),
  });
  if (method.kind !== 'bidi') throw new Error('the kind changed');
  method.handle(stream);
  deliver(Buffer.alloc(5));
  deliver(Buffer.alloc(2));
  cancel(4);
  expect(entry).toMatchObject({
    started: 1,
    messagesReceived: 2,
    messagesSent: 2,
    receivedBytes: 7,
    sentBytes: 14,
  });
  expect(entry.handled[4]).toBe(1);
  expect(sentMessages).toHaveLength(2);
});

test('an answer to a call that has ended already does not count', () => {
  const { entry, method } = countersOf({
    kind: 'unary',
    handle: (_request, _call, reply) => reply(undefined),
  });
  if (method.kind !== 'unary') throw new Error('the kind changed');
  method.handle(Buffer.alloc(0), { ...call, ended: true }, () => undefined);
  expect([entry.started, entry.messagesSent, entry.handled[0]]).toEqual([1, 0, 0]);
});
