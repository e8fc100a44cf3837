import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLogger, type Logger } from '../base/index.ts';
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

test('a path is claimed once, and free afterwards', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'engram-listener-'));
  const path = join(directory, 'socket');
  const url = `unix://${path}`;
  const listener = await Listener.open(url);
  expect([listener.url, listener.isSecure]).toEqual([url, false]);
  const got = new Promise<string>((resolve) => {
    listener.serve((socket: Socket) => socket.once('data', (data) => resolve(String(data))));
  });
  const client = connect(path);
  client.end('hello');
  expect(await got).toBe('hello');
  await expect(Listener.open(url)).rejects.toMatchObject({ code: 'addressInUse', address: path });
  listener.destroy();
  await expect.poll(() => existsSync(path)).toBe(false);
  rmSync(directory, { recursive: true });
});

test('a path that the system has no room for is refused, not cut', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'engram-listener-'));
  const path = join(directory, 'x'.repeat(107 - directory.length));
  await expect(Listener.open(`unix://${path}`)).rejects.toMatchObject({ code: 'addressUnavailable' });
  expect(readdirSync(directory)).toEqual([]);
  if (process.platform === 'linux') (await Listener.open(`unix://${path.slice(0, -1)}`)).destroy();
  rmSync(directory, { recursive: true });
});

test('a socket that was left behind is replaced, and a file is not', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'engram-listener-'));
  const [left, file] = [join(directory, 'left'), join(directory, 'file')];
  const script = `require('node:net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  expect(existsSync(left)).toBe(true);
  (await Listener.open(`unix://${left}`)).destroy();
  writeFileSync(file, 'precious');
  await expect(Listener.open(`unix://${file}`)).rejects.toMatchObject({ code: 'addressInUse' });
  expect(existsSync(file)).toBe(true);
  await expect(Listener.open(`unix://${directory}/none/socket`)).rejects.toMatchObject({
    code: 'addressUnavailable',
  });
  rmSync(directory, { recursive: true });
});

test.each(['ftp://a:1', 'https://a:1', 'unixs:///tmp/a', 'nonsense'])(
  '%s is not a place to listen',
  async (url) => {
    await expect(Listener.open(url)).rejects.toMatchObject({ code: 'invalidUrl' });
  },
);

test('promise 7: connections above the limit are closed, and told of once', async () => {
  const warnings: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields) => void warnings.push([message, fields]),
  };
  const listener = await Listener.open('http://127.0.0.1:0', { connectionsMax: 2, logger });
  listener.serve((socket) => socket.resume());
  const dial = (): Socket =>
    connect(Number(new URL(listener.url).port), '127.0.0.1').on('error', () => undefined);
  const first = [dial(), dial()];
  await expect.poll(() => listener.connections).toBe(2);
  for (const more of [dial(), dial()]) await once(more.resume(), 'close');
  expect(warnings).toEqual([
    ['closed a connection: too many are open', { peer: '127.0.0.1', connectionsMax: 2 }],
  ]);
  first[0]!.destroy();
  await expect.poll(() => listener.connections).toBe(1);
  dial();
  await expect.poll(() => listener.connections).toBe(2);
  listener.destroy();
});

test.runIf(process.platform === 'linux')(
  'promise 7: the system asks after 30 s whether a silent client is still there',
  async () => {
    const listener = await Listener.open('http://127.0.0.1:0');
    listener.serve((socket) => socket.resume());
    const port = Number(new URL(listener.url).port);
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    await expect.poll(() => listener.connections).toBe(1);
    // `sl: local remote state queues timer:when ...`: timer 2 is that of keep-alive, in hundredths of a second.
    const address = (number: number): string =>
      `0100007F:${number.toString(16).toUpperCase().padStart(4, '0')}`;
    const columns = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find(([, local, remote]) => local === address(port) && remote === address(client.localPort ?? 0));
    const [timer, when] = (columns?.[5] ?? '').split(':');
    expect(timer).toBe('02');
    const leftMs = Number.parseInt(when ?? '', 16) * 10;
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(31_000);
    client.destroy();
    listener.destroy();
  },
);

test('a connection that breaks ends nothing but itself', async () => {
  const listener = await Listener.open('http://127.0.0.1:0');
  const accepted: Socket[] = [];
  listener.serve((socket) => accepted.push(socket));
  connect(Number(new URL(listener.url).port), '127.0.0.1').on('error', () => undefined);
  await expect.poll(() => accepted.length).toBe(1);
  accepted[0]!.destroy(new Error('broken'));
  await expect.poll(() => listener.connections).toBe(0);
  listener.destroy();
});
