/** Goal: what a connection speaks is told by its first bytes, however they are cut. Method: real sockets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { silentLogger, type Logger } from '../base/index.ts';
import { Listener } from './listener.ts';
import { Sniffer, type Protocol } from './sniff.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Sniffed {
  readonly sniffer: Sniffer;
  readonly decided: { protocol: Protocol; first: string }[];
  readonly warnings: string[];
  dial(): Socket;
}

async function start(limits: { waitingMax?: number; timeoutMs?: number } = {}): Promise<Sniffed> {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
  const sniffer = new Sniffer({ logger, ...limits });
  const listener = await Listener.open('http://127.0.0.1:0');
  const decided: Sniffed['decided'] = [];
  listener.serve((socket) =>
    sniffer.sniff(socket, (protocol, first) => decided.push({ protocol, first: String(first) })),
  );
  closers.push(() => listener.destroy());
  const dial = (): Socket => {
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
    socket
      .setNoDelay(true)
      .on('error', () => undefined)
      .resume();
    closers.push(() => socket.destroy());
    return socket;
  };
  return { sniffer, decided, warnings, dial };
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

test.each([
  ['GET / HTTP/1.1\r\n\r\n', 'http1'],
  ['POST / HTTP/1.1\r\n\r\n', 'http1'],
  ['PROPFIND / HTTP/1.1\r\n\r\n', 'http1'],
  ['\r\nGET / HTTP/1.0\r\n\r\n', 'http1'],
  ['\r\n', 'http1'],
  ['nonsense', 'http1'],
  [preface, 'http2'],
] as const)('%j is %s, also byte by byte', async (text, protocol) => {
  const { decided, dial, sniffer } = await start();
  dial().write(text);
  await expect.poll(() => decided).toEqual([{ protocol, first: text }]);
  const slow = dial();
  for (const byte of text) {
    slow.write(byte);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (decided.length === 2) break;
  }
  await expect.poll(() => decided[1]?.protocol).toBe(protocol);
  expect(text.startsWith(String(decided[1]?.first))).toBe(true);
  expect(sniffer.waiting).toBe(0);
});

test.each(['nonsense\r\n\r\n', 'PRI* HTTP/2.0\r\n\r\nSM\r\n\r\n', '\r\nGET /\r\n', 'SSH-2.0-x\r\n'])(
  '%j is no HTTP and is closed without an answer',
  async (text) => {
    const { decided, dial, sniffer } = await start();
    const socket = dial();
    let received = '';
    socket.on('data', (bytes) => (received += String(bytes)));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(text);
    await closed;
    expect([decided.length, received, sniffer.waiting]).toEqual([0, '', 0]);
  },
);

test('TLS on a plain port is told once and closed', async () => {
  const { decided, warnings, dial } = await start();
  for (let i = 0; i < 3; i++) {
    const socket = dial();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(Buffer.from([0x16, 3, 1, 0, 5]));
    await closed;
  }
  expect(decided).toEqual([]);
  expect(warnings).toEqual([
    'closed a connection: TLS on a port that serves plain text; connect with http://',
  ]);
});

test('promise 7: who says nothing is cut off in time', async () => {
  const { decided, dial, sniffer } = await start({ timeoutMs: 200 });
  await Promise.all(Array.from({ length: 3 }, () => once(dial(), 'close')));
  expect([decided, sniffer.waiting]).toEqual([[], 0]);
});

test('promise 7: who says nothing makes room for others', async () => {
  const { decided, dial, sniffer } = await start({ waitingMax: 3 });
  const silent = [];
  for (let count = 1; count <= 3; count++) {
    silent.push(dial());
    await expect.poll(() => sniffer.waiting).toBe(count);
  }
  const closed = once(silent[0]!, 'close');
  dial().write('GET / HTTP/1.1\r\n\r\n');
  await closed;
  await expect.poll(() => decided).toHaveLength(1);
  expect([sniffer.waiting, silent.map((socket) => socket.closed)]).toEqual([2, [true, false, false]]);
});

test('a client that leaves is forgotten', async () => {
  const { decided, dial, sniffer } = await start();
  const socket = dial();
  socket.write('P');
  await expect.poll(() => sniffer.waiting).toBe(1);
  socket.destroy();
  await expect.poll(() => sniffer.waiting).toBe(0);
  expect(decided).toEqual([]);
});
