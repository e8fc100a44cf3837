/** Goal: exchanges over HTTP/1.1 keep their contract, and slow or greedy clients cost little. Method: real sockets. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Listener } from '../listener.ts';
import { Sniffer } from '../sniff.ts';
import { silentLogger } from '../../base/index.ts';
import { HttpBodyError, type BodyStream, type HttpExchange, type HttpHandler } from './exchange.ts';
import { Http1Server, type Http1Limits } from './http1.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Started {
  readonly server: Http1Server;
  readonly listener: Listener;
  readonly faults: unknown[];
  dial(): Client;
}

async function start(handler: HttpHandler, limits: Partial<Http1Limits> = {}): Promise<Started> {
  const faults: unknown[] = [];
  const server = new Http1Server({ handler, onFault: (error) => faults.push(error), limits });
  const listener = await Listener.open('http://127.0.0.1:0');
  const sniffer = new Sniffer({ logger: silentLogger });
  listener.serve((socket) => sniffer.sniff(socket, (_protocol, first) => server.accept(socket, first)));
  closers.push(
    () => listener.destroy(),
    () => server.close(),
  );
  const dial = (): Client => {
    const client = new Client(Number(new URL(listener.url).port));
    closers.push(() => client.socket.destroy());
    return client;
  };
  return { server, listener, faults, dial };
}

/** A client that sees every byte. */
class Client {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  received = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('data', (bytes) => (this.received += bytes.toString('latin1')));
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  send(text: string | Buffer): this {
    this.socket.write(text);
    return this;
  }

  async until(text: string): Promise<string> {
    await expect.poll(() => this.received, { timeout: 60_000 }).toContain(text);
    return this.received;
  }
}

const host = 'Host: test\r\n';
const answer = (exchange: HttpExchange): void => {
  exchange.respond(
    200,
    { 'content-type': 'text/plain' },
    `${exchange.method} ${exchange.path} ${exchange.query}`,
  );
};

describe('a request', () => {
  test.each([
    ['/a/b?x=1&y=2', '/a/b', 'x=1&y=2'],
    ['/', '/', ''],
    ['/?', '/', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['//x/%20', '//x/%20', ''],
    ['http://other:1/p?q', '/p', 'q'],
    ['http://other:1', '/', ''],
    ['http://other:1?q', '/', 'q'],
    ['*', '*', ''],
  ])('for %s has its path and query', async (target, path, query) => {
    const seen: string[] = [];
    const { dial } = await start((exchange) => {
      seen.push(exchange.path, exchange.query, exchange.host);
      exchange.respond(200, {}, '');
    });
    await dial().send(`OPTIONS ${target} HTTP/1.1\r\n${host}\r\n`).until('200 OK');
    expect(seen).toEqual([path, query, 'test']);
  });

  test('has headers, of which the first counts, a peer, and is not secure', async () => {
    const seen: unknown[] = [];
    const { dial } = await start((exchange) => {
      seen.push(exchange.header('x-a'), exchange.header('x-none'), exchange.secure, exchange.ended);
      seen.push(/^127\.0\.0\.1:\d+$/.test(exchange.peer));
      exchange.respond(200, {}, '');
    });
    await dial().send(`GET / HTTP/1.1\r\n${host}X-A: 1\r\nx-a: 2\r\n\r\n`).until('200 OK');
    expect(seen).toEqual(['1', undefined, false, false, true]);
  });

  test('that asks for an upgrade to HTTP/2 is served as it is', async () => {
    const { dial } = await start(answer);
    const upgrade =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
    expect(await dial().send(`GET /x HTTP/1.1\r\n${host}${upgrade}\r\n`).until('GET /x')).toContain('200 OK');
  });

  test('that is none is refused', async () => {
    const { dial } = await start(answer);
    const client = dial().send('G@T / HTTP/1.1\r\n\r\n');
    await client.closed;
    expect(client.received).toMatch(/^HTTP\/1.1 400 /);
    const noHost = dial().send('GET / HTTP/1.1\r\n\r\n');
    await noHost.until('400 Bad Request');
  });
});

describe('an answer', () => {
  test('has its length, keeps the connection, and leaves the body of a HEAD out', async () => {
    const { dial } = await start(answer);
    const client = dial();
    client.send(`HEAD /a HTTP/1.1\r\n${host}\r\n`);
    expect(await client.until('\r\n\r\n')).toMatch(/content-length: 8\r\n/i);
    client.send(`GET /b HTTP/1.1\r\n${host}\r\n`);
    const received = await client.until('GET /b ');
    expect(received).not.toContain('HEAD /a');
    expect(received.match(/200 OK/g)).toHaveLength(2);
  });

  test('streams, in chunks', async () => {
    const { dial } = await start((exchange) => {
      exchange.start(200, { 'content-type': 'application/json', 'x-list': ['1', '2'] });
      exchange.write('one\n');
      setTimeout(() => {
        exchange.write(Buffer.from('two\n'));
        exchange.finish();
      }, 20);
    });
    const received = await dial().send(`GET / HTTP/1.1\r\n${host}\r\n`).until('0\r\n\r\n');
    expect(received).toContain('4\r\none\n\r\n4\r\ntwo\n\r\n');
    expect(received).toMatch(/x-list: 1\r\nx-list: 2/i);
  });

  test('of 204 has no length', async () => {
    const { dial } = await start((exchange) => exchange.respond(204, {}, ''));
    expect(await dial().send(`GET / HTTP/1.1\r\n${host}\r\n`).until('\r\n\r\n')).not.toMatch(
      /content-length/i,
    );
  });

  test('promise 8: waits for a client that does not read, and goes on', async () => {
    const part = Buffer.alloc(64 * 1024, 'x');
    let left = 1000;
    let drained = 0;
    const { dial } = await start((exchange) => {
      const more = (): void => {
        while (left > 0) {
          left--;
          if (!exchange.write(part)) return;
        }
        exchange.finish();
      };
      exchange.start(200, {});
      exchange.onDrain(() => {
        drained++;
        more();
      });
      more();
    });
    const client = dial();
    client.socket.pause();
    client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(left).toBeGreaterThan(800);
    client.socket.resume();
    await expect.poll(() => client.received.slice(-5), { timeout: 60_000 }).toBe('0\r\n\r\n');
    expect(drained).toBeGreaterThan(0);
  });

  test('promise 7: that a client does not read for too long is given up', async () => {
    let cancelled = 0;
    const { dial, listener } = await start(
      (exchange) => {
        exchange.onCancel(() => cancelled++);
        exchange.respond(200, {}, Buffer.alloc(64 * 1024 * 1024));
      },
      { stallMsMax: 200 },
    );
    const client = dial();
    client.socket.pause();
    client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(() => cancelled, { timeout: 60_000 }).toBe(1);
    await expect.poll(() => listener.connections).toBe(0);
  });

  test('tells once when the client goes', async () => {
    const cancelled: number[] = [];
    const { dial } = await start((exchange) => {
      exchange.start(200, {});
      exchange.onCancel(() => {
        cancelled.push(1);
        expect(exchange.ended).toBe(true);
        expect(exchange.write('nobody')).toBe(true);
        exchange.finish();
      });
    });
    const client = dial().send(`GET / HTTP/1.1\r\n${host}\r\n`);
    await client.until('200 OK');
    client.socket.destroy();
    await expect.poll(() => cancelled).toEqual([1]);
  });

  test('of a handler that throws is 500, or broken off', async () => {
    const { dial, faults } = await start((exchange) => {
      if (exchange.path === '/late') exchange.start(200, {});
      throw new Error('a bug');
    });
    await dial().send(`GET / HTTP/1.1\r\n${host}\r\n`).until('500 Internal Server Error');
    const late = dial().send(`GET /late HTTP/1.1\r\n${host}\r\n`);
    await late.closed;
    expect(late.received).not.toContain('0\r\n\r\n');
    expect(faults).toHaveLength(2);
  });
});

describe('a body', () => {
  const echo = (bytesMax: number): HttpHandler => {
    return (exchange) => {
      exchange.body(bytesMax).then(
        (body) => exchange.respond(200, {}, body),
        (error: unknown) => exchange.respond(413, {}, (error as HttpBodyError).code),
      );
    };
  };

  test('is read whole, with a length or in chunks, and the connection goes on', async () => {
    const { dial } = await start(echo(10));
    const client = dial();
    client.send(`POST / HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\n01234`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.send('56789');
    await client.until('0123456789');
    client.send(
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
    );
    await client.until('abcde');
    client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(() => client.received.match(/200 OK/g)?.length).toBe(3);
  });

  test('that is too long is refused, by its length and by its bytes', async () => {
    const { dial } = await start(echo(10));
    const client = dial();
    await client.send(`POST / HTTP/1.1\r\n${host}Content-Length: 11\r\n\r\n01234567890`).until('tooLarge');
    await dial()
      .send(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n`)
      .until('tooLarge');
    // The rest was read: the connection can go on.
    await client.send(`POST / HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nok`).until('ok');
  });

  test('promise 7: that has no end is not read for ever', async () => {
    const { dial } = await start(echo(10));
    const client = dial();
    client.send(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`;
    const timer = setInterval(() => client.send(chunk), 2);
    await client.closed;
    clearInterval(timer);
    expect(client.received).toContain('413');
    expect(client.socket.bytesWritten).toBeLessThan(16 * 1024 * 1024);
  });

  test('whose client goes is reported', async () => {
    const errors: unknown[] = [];
    const { dial } = await start(
      (exchange) => void exchange.body(10).catch((error: unknown) => errors.push(error)),
    );
    const client = dial().send(`POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nab`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.socket.destroy();
    await expect.poll(() => errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(HttpBodyError);
    expect(errors[0]).toMatchObject({ code: 'cancelled' });
  });

  test('that is held back until the server wants it is asked for only then', async () => {
    const { dial } = await start((exchange) => {
      if (exchange.path === '/no') exchange.respond(403, {}, 'no');
      else echo(10)(exchange);
    });
    const expecting = (path: string): string =>
      `POST ${path} HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
    const client = dial().send(expecting('/yes'));
    await client.until('100 Continue');
    await client.send('abc').until('abc');
    const refused = dial().send(expecting('/no'));
    await refused.closed;
    expect(refused.received).not.toContain('100 Continue');
    expect(refused.received).toMatch(/403 .*connection: close/is);
    const long = dial().send(expecting('/yes').replace('3', '11'));
    await long.closed;
    expect(long.received).not.toContain('100 Continue');
  });
});

describe('a body that is read while it comes', () => {
  /** Answers each line when it has come, and ends behind `bye`. */
  const lines: HttpHandler = (exchange) => {
    const read = (): void => {
      for (;;) {
        const end = body.bytes.indexOf('\n');
        if (end < 0) break;
        const text = body.bytes.toString('latin1', 0, end);
        body.take(end + 1);
        exchange.write(`<${text}>`);
        if (text === 'bye') {
          exchange.finish();
          return;
        }
      }
      if (body.isComplete) exchange.finish();
      else body.more();
    };
    const body = exchange.stream({ bytesMax: 1000, onData: read, onError: () => exchange.destroy() });
    exchange.start(200, {});
    read();
  };
  const post = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;

  test('is answered before its end, and the connection goes on behind it', async () => {
    const { dial } = await start(lines);
    const client = dial().send(post).send('2\r\na\n\r\n');
    await client.until('<a>');
    await client.send('1\r\nb\r\n').send('1\r\n\n\r\n').until('<b>');
    await client.send('4\r\nbye\n\r\n').until('0\r\n\r\n');
    client.send('3\r\nxyz\r\n0\r\n\r\n').send(`${post}2\r\nc\n\r\n0\r\n\r\n`);
    await client.until('<c>');
  });

  test('promise 7: is not taken faster than its reader does', async () => {
    let body: BodyStream | undefined;
    const { dial } = await start((exchange) => {
      body = exchange.stream({ bytesMax: 1000, onData: () => undefined, onError: () => undefined });
    });
    const client = dial().send(post);
    const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`;
    for (let i = 0; i < 500; i++) client.send(chunk);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(body?.bytes.length).toBeLessThan(256 * 1024);
    expect(client.socket.writableLength).toBeGreaterThan(8 * 1024 * 1024);
  });

  test('may take its time between messages, and not in the middle of one', async () => {
    const { dial } = await start(lines, { requestMsMax: 300, checkMs: 50 });
    const resting = dial().send(post).send('2\r\na\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 800));
    await resting.send('2\r\nb\n\r\n').until('<b>');
    await resting.send('1\r\nc\r\n').closed;
    expect(resting.received).not.toContain('<c>');
  });
});

describe('promise 7: a client that is slow', () => {
  test('with its headers, or with its body, is cut off', async () => {
    const { dial } = await start((exchange) => void exchange.body(100).catch(() => undefined), {
      ...{ headersMsMax: 200, requestMsMax: 400, checkMs: 50 },
    });
    const headers = dial().send('GET / HTTP/1.1\r\n');
    await headers.closed;
    expect(headers.received).toContain('408 Request Timeout');
    const body = dial().send(`POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\na`);
    await body.closed;
    expect(body.received).toContain('408 Request Timeout');
  });

  test('is cut off when it has nothing more to ask', async () => {
    const { dial, listener } = await start(answer, { idleMsMax: 100 });
    const client = dial().send(`GET / HTTP/1.1\r\n${host}\r\n`);
    await client.until('200 OK');
    await client.closed;
    await expect.poll(() => listener.connections).toBe(0);
  });

  test('that sends too many headers is refused', async () => {
    const { dial } = await start(answer);
    const client = dial().send(`GET / HTTP/1.1\r\n${host}X: ${'x'.repeat(17_000)}\r\n\r\n`);
    await client.closed;
    expect(client.received).toMatch(/^HTTP\/1.1 431 /);
  });
});

describe('promise 7: requests that come before the answer to an earlier one', () => {
  const twice = `GET /1 HTTP/1.1\r\n${host}\r\nGET /2 HTTP/1.1\r\n${host}\r\n`;

  test.each([false, true])('end with their connection (answers begun: %s)', async (isBegun) => {
    const cancelled: string[] = [];
    const { dial, listener, server } = await start((exchange) => {
      if (isBegun) exchange.start(200, {});
      exchange.onCancel(() => {
        expect(exchange.ended).toBe(true);
        cancelled.push(exchange.path);
      });
    });
    const client = dial().send(twice);
    await expect.poll(() => listener.connections).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.socket.destroy();
    await expect.poll(() => cancelled.sort()).toEqual(['/1', '/2']);
    await server.drain();
  });

  test('are answered in their order', async () => {
    const { dial } = await start((exchange) => {
      if (exchange.path === '/2') answer(exchange);
      else setTimeout(() => answer(exchange), 20);
    });
    const text = await dial().send(twice).until('GET /2');
    expect(text.indexOf('GET /1')).toBeGreaterThan(0);
    expect(text.indexOf('GET /1')).toBeLessThan(text.indexOf('GET /2'));
  });

  test('have a bound, above which the connection is closed', async () => {
    const open: HttpExchange[] = [];
    const { dial, listener } = await start((exchange) => open.push(exchange), { openRequestsMax: 10 });
    const client = dial().send(`GET / HTTP/1.1\r\n${host}\r\n`.repeat(1000));
    await client.closed;
    expect(open).toHaveLength(10);
    await expect.poll(() => open.every((exchange) => exchange.ended)).toBe(true);
    await expect.poll(() => listener.connections).toBe(0);
  });

  test('may be as many as are answered: what is answered does not count', async () => {
    const { dial } = await start(answer, { openRequestsMax: 10 });
    const client = dial();
    for (let round = 0; round < 5; round++) {
      client.send(`GET /${round} HTTP/1.1\r\n${host}\r\n`.repeat(8));
      await expect.poll(() => client.received.match(/GET \//g)?.length).toBe(8 * (round + 1));
    }
  });
});

test('stopping closes idle connections, and others after their exchange', async () => {
  const open: HttpExchange[] = [];
  const { dial, server } = await start((exchange) => {
    if (exchange.path === '/idle') exchange.respond(200, {}, '');
    else open.push(exchange);
    if (exchange.path === '/stream') exchange.start(200, {});
  });
  const idle = dial().send(`GET /idle HTTP/1.1\r\n${host}\r\n`);
  await idle.until('200 OK');
  const waiting = dial().send(`GET /wait HTTP/1.1\r\n${host}\r\n`);
  const streaming = dial().send(`GET /stream HTTP/1.1\r\n${host}\r\n`);
  await expect.poll(() => open.length).toBe(2);
  let isDrained = false;
  const drained = server.drain().then(() => (isDrained = true));
  await idle.closed;
  expect(isDrained).toBe(false);
  for (const exchange of open) {
    if (exchange.path === '/wait') exchange.respond(200, {}, 'done');
    else exchange.finish();
  }
  await Promise.all([waiting.closed, streaming.closed, drained]);
  expect(waiting.received).toMatch(/connection: close[^]*done$/i);
  expect(streaming.received).toContain('0\r\n\r\n');
});
