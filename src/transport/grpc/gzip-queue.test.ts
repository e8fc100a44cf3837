/** Goal: compression is bounded in threads and memory, whatever clients ask for. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { CallsServer } from '../../../test/support/calls-server.ts';
import { GzipQueue } from './gzip-queue.ts';
import { MessageBudget } from './message-budget.ts';

test('two run at a time, in their order', () => {
  const queue = new GzipQueue();
  const running: (() => void)[] = [];
  const started: number[] = [];
  for (let at = 0; at < 5; at++) {
    queue.run((done) => {
      started.push(at);
      running.push(done);
    });
  }
  expect(started).toEqual([0, 1]);
  running[1]?.();
  expect(started).toEqual([0, 1, 2]);
  for (const at of [0, 2, 3, 4]) running[at]?.();
  expect(started).toEqual([0, 1, 2, 3, 4]);
  queue.run(() => started.push(5));
  expect(started).toHaveLength(6);
});

test('many that are done at once are not so many calls deep', () => {
  const queue = new GzipQueue();
  let [release, count] = [(): void => undefined, 0];
  for (let at = 0; at < 2; at++) queue.run((done) => (release = done));
  for (let at = 0; at < 100_000; at++) {
    queue.run((done) => {
      count++;
      done();
    });
  }
  release();
  expect(count).toBe(100_000);
});

const zipped = { 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'gzip' };

function compressed(content: Buffer): Buffer {
  const bytes = gzipSync(content);
  const prefix = Buffer.of(1, 0, 0, 0, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

test('a short message with much in it is inflated elsewhere', async () => {
  const limits = { receiveBytesMax: 2_000_000 };
  const long = new CallsServer({}, limits).ask('Echo', compressed(Buffer.alloc(500_000)), zipped);
  expect(long.sent).toHaveLength(0);
  await expect.poll(() => long.closed).toBe(true);
  const short = new CallsServer({}, limits).ask('Echo', compressed(Buffer.alloc(16 * 1024)), zipped);
  expect(short.closed).toBe(true);
});

test('promise 8: messages that wait to be inflated count', async () => {
  const body = compressed(randomBytes(20_000));
  const budget = new MessageBudget(3 * body.length);
  const server = new CallsServer({}, { receiveBytesMax: 60_000, budget });
  const streams = Array.from({ length: 5 }, () => server.ask('Echo', body, zipped));
  await expect.poll(() => streams.every(({ closed }) => closed)).toBe(true);
  expect(streams.map(({ status }) => status?.code)).toEqual([0, 0, 0, 8, 8]);
  const gone = server.open('Echo', zipped);
  for (let round = 0; round < 10; round++) {
    const stream = server.ask('Echo', body, zipped);
    stream.receiver.cancelled(8);
    // What waits is given back when its turn would have come.
    await expect.poll(() => budget.bytes).toBe(0);
  }
  gone.receive(body, true);
  await expect.poll(() => gone.status?.code).toBe(0);
});

test.each([100, 20_000])(
  'promise 8: an answer of %i bytes is not copied when much waits already',
  async (length) => {
    const server = new CallsServer({}, { receiveBytesMax: 60_000 });
    const stream = server.open('Echo', zipped);
    stream.isCrowded = true;
    stream.receive(compressed(Buffer.alloc(length)), true);
    await expect.poll(() => stream.closed).toBe(true);
    expect(stream.messages()).toEqual([{ flag: 0, bytes: Buffer.alloc(length) }]);
  },
);
