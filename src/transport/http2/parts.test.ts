/** Goal: the parts that have more states than the tests of whole connections reach. Method: a plain model beside each. */
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { FakeSocket } from '../../../test/support/http2/wire.ts';
import { TestSource } from '../../../test/support/messages.ts';
import { SeededRandom } from '../../base/index.ts';
import { ClosedStreams } from './closed-streams.ts';
import { BlockPool } from './block-pool.ts';
import { bodyBytes } from './body.ts';
import { OutQueue } from './out-queue.ts';
import { Output } from './output.ts';
import { StreamTable } from './stream-table.ts';

describe('the table of streams', () => {
  test.each([10, 300, 20_000])('is a map, with up to %i streams', (sizeMax) => {
    const random = new SeededRandom(sizeMax);
    const table = new StreamTable<{ id: number }>();
    const model = new Map<number, { id: number }>();
    let nextId = 1;
    for (let step = 0; step < sizeMax * 5; step++) {
      if (model.size < sizeMax && random.chance(0.7)) {
        const stream = { id: nextId };
        nextId += random.pick([2, 2, 2, 64, 128]);
        table.add(stream);
        model.set(stream.id, stream);
      } else {
        const id = random.int(1, nextId);
        table.delete(id);
        model.delete(id);
      }
      const id = random.int(Math.max(1, nextId - 500), nextId);
      if (table.get(id) !== model.get(id)) throw new Error(`stream ${id} differs in step ${step}`);
      if (table.size !== model.size) throw new Error(`sizes differ in step ${step}`);
    }
    expect(
      table
        .all()
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    ).toEqual([...model.keys()]);
  });
});

describe('what is left of closed streams', () => {
  test('promise 7: is bounded, and the newest', () => {
    const closed = new ClosedStreams();
    for (let id = 1; id < 10_001; id += 2) closed.reset(id);
    for (let id = 10_001; id < 20_001; id += 2) closed.ended(id);
    expect([closed.wasReset(1), closed.wasReset(9999), closed.wasReset(9999 - 2 * 1023)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(closed.wasReset(9999 - 2 * 1024)).toBe(false);
    expect([
      closed.hasEnded(19_999),
      closed.hasEnded(19_999 - 2 * 63),
      closed.hasEnded(19_999 - 2 * 64),
    ]).toEqual([true, true, false]);
  });
});

/** The next bytes of a queue as they leave. */
function moved(queue: OutQueue, bytes: number): Buffer {
  const socket = new FakeSocket();
  const output = new Output(socket as unknown as Socket, new BlockPool(), () => undefined);
  queue.moveTo(output, bytes);
  output.flush();
  return Buffer.concat(socket.writes);
}

describe('the queue of a stream', () => {
  test('gives what was put in, in any steps', () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = new SeededRandom(seed);
      const queue = new OutQueue();
      const sources: TestSource[] = [];
      let put = '';
      let got = '';
      const make = (): Buffer => {
        const text = String(put.length).padEnd(random.int(0, 20), '.').slice(0, random.int(0, 20));
        put += text;
        return Buffer.from(text);
      };
      for (let step = 0; step < 300; step++) {
        if (random.chance(0.6)) {
          const kind = random.int(0, 3);
          const body =
            kind === 0
              ? make()
              : kind === 1
                ? Array.from({ length: random.int(0, 5) }, make)
                : new TestSource(make());
          if (body instanceof TestSource) sources.push(body);
          queue.add(body, bodyBytes(body));
        } else if (queue.bytes > 0) {
          const bytes = Math.min(queue.bytes, random.int(1, 20));
          got += String(moved(queue, bytes));
        }
        if (queue.bytes !== put.length - got.length) throw new Error(`Seed ${seed}: ${queue.bytes} bytes`);
        if (queue.weightBytes < queue.bytes) throw new Error(`Seed ${seed}: it weighs too little`);
      }
      expect(put.startsWith(got)).toBe(true);
      queue.clear();
      expect(sources.filter(({ closed }) => closed !== 1)).toEqual([]);
      expect(got.length).toBeGreaterThan(0);
    }
  });

  test('forgets what was sent', () => {
    const queue = new OutQueue();
    for (let count = 0; count < 10_000; count++) {
      queue.add(Buffer.of(1), 1);
      queue.add(Buffer.of(2), 1);
      moved(queue, count % 2 === 0 ? 2 : 1);
    }
    expect(queue.bytes).toBe(5000);
    expect(queue.weightBytes).toBe(5000 * 129);
  });
});
