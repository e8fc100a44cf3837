import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { TransportError } from './errors.ts';
import { Listener } from './listener.ts';

test('a port is claimed once', async () => {
  const first = await Listener.open('http://127.0.0.1:0');
  const second: unknown = await Listener.open(first.url).catch((error: unknown) => error);
  expect(second).toBeInstanceOf(TransportError);
  expect(second).toMatchObject({ code: 'addressInUse', address: first.url.slice('http://'.length) });
  first.destroy();
});

test('an address of another machine cannot be had', async () => {
  const error: unknown = await Listener.open('http://192.0.2.1:0').catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'addressUnavailable' });
});

test('connections that come early wait until they are served', async () => {
  const listener = await Listener.open('http://127.0.0.1:0');
  const client = connect(Number(new URL(listener.url).port), '127.0.0.1');
  client.write('early');
  await expect.poll(() => listener.connections).toBe(1);
  const got = await new Promise<string>((resolve) => {
    listener.serve((socket: Socket) => socket.once('data', (data) => resolve(String(data))));
  });
  expect(got).toBe('early');
  listener.destroy();
  await expect.poll(() => listener.connections).toBe(0);
});

test.each(['ftp://a:1', 'https://a:1', 'nonsense'])('%s is not a place to listen', async (url) => {
  await expect(Listener.open(url)).rejects.toMatchObject({ code: 'invalidUrl' });
});
