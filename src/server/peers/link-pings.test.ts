/** Goal: what is measured is the way to the other node and back, whatever that node answers. Method: the test plays it. */
import { expect, test } from 'vitest';
import { ManualTime } from '../../../test/support/cluster/fake-links.ts';
import { decodePing, type Ping } from '../../wire/index.ts';
import { LinkPings } from './link-pings.ts';

function world() {
  const time = new ManualTime();
  const way = { hasRoom: true };
  const sent: Ping[] = [];
  const measured: number[] = [];
  const pings = new LinkPings({
    ...{ clock: time, scheduler: time, hasRoom: () => way.hasRoom },
    send: (bytes) => void sent.push(decodePing(bytes)!),
  });
  const roundTrips = { observe: (seconds: number) => void measured.push(seconds) };
  const start = (): void =>
    pings.start({ name: 'b', sentBytes: 0, receivedBytes: 0, failures: 0, roundTrips });
  return { time, way, sent, measured, pings, start };
}

test('asks when the link stands and every five seconds, and measures until the answer comes', () => {
  const { time, sent, measured, pings, start } = world();
  start();
  expect(sent).toEqual([{ kind: 'ping', id: 1 }]);
  time.advance(30);
  pings.received({ kind: 'pong', id: 1 });
  expect(measured).toEqual([0.03]);
  time.advance(5000);
  expect(sent).toHaveLength(2);
  time.advance(7);
  pings.received({ kind: 'pong', id: 2 });
  expect(measured).toHaveLength(2);
});

test('asks one question at a time, and takes nothing for its answer that is none', () => {
  const { time, sent, measured, pings, start } = world();
  start();
  for (const id of [0, 2]) pings.received({ kind: 'pong', id });
  time.advance(60_000);
  expect(sent).toHaveLength(1);
  expect(measured).toEqual([]);
  pings.received({ kind: 'pong', id: 1 });
  pings.received({ kind: 'pong', id: 1 });
  expect(measured).toEqual([60]);
});

test('answers, later when there is no room now, and does not ask into a full way', () => {
  const { time, way, sent, pings, start } = world();
  pings.received({ kind: 'ping', id: 5 });
  way.hasRoom = false;
  start();
  pings.received({ kind: 'ping', id: 6 });
  time.advance(5000);
  expect(sent).toEqual([{ kind: 'pong', id: 5 }]);
  way.hasRoom = true;
  pings.drained();
  pings.drained();
  expect(sent).toEqual([
    { kind: 'pong', id: 5 },
    { kind: 'pong', id: 6 },
  ]);
});

test('asks no more once the link has ended', () => {
  const { time, sent, pings, start } = world();
  start();
  pings.received({ kind: 'pong', id: 1 });
  pings.stop();
  time.advance(60_000);
  expect(sent).toHaveLength(1);
});
