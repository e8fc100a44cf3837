/** Goal: a socket of the file system serves what a port does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { get as getSecurely, type RequestOptions } from 'node:https';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeResponse, encodeRequest } from '../etcd/protocol.ts';
import { TestAuthority } from '../support/certificates.ts';
import { message } from '../support/siege.ts';
import { startTestServer } from '../support/server.ts';

test('gRPC and HTTP on one Unix socket', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'engram-unix-'));
  const path = join(directory, 'clients');
  const url = `unix://${path}`;
  const it = await startTestServer({ listenClientUrls: ['http://127.0.0.1:0', url] });
  try {
    expect(it.server.clientUrls[1]).toBe(url);
    await it.client.call('KV.Put', { key: Buffer.from('a'), value: Buffer.from('b') });
    const health = await new Promise<string>((resolve, reject) => {
      get({ socketPath: path, path: '/health' }, (response) => {
        response.once('data', (data) => resolve(String(data)));
      }).once('error', reject);
    });
    expect(JSON.parse(health)).toMatchObject({ health: 'true' });
    const range = '/etcdserverpb.KV/Range';
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
    const stream = session.request({
      ':method': 'POST',
      ':path': range,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(message(encodeRequest(range, { key: Buffer.from('a') })));
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    session.destroy();
    expect(decodeResponse(range, Buffer.concat(parts).subarray(5))).toMatchObject({ count: '1' });
  } finally {
    await it.close();
    rmSync(directory, { recursive: true });
  }
});

test('TLS on a Unix socket, by many clients at once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'engram-unix-'));
  const path = join(directory, 'clients');
  const authority = await TestAuthority.create();
  const { certFile, keyFile } = await authority.server();
  const { certificate: cert, key } = await authority.client();
  const url = `unixs://${path}`;
  const it = await startTestServer({
    ...{ listenClientUrls: ['http://127.0.0.1:0', url], certFile, keyFile, trustedCaFile: authority.caFile },
  });
  const health = (options: RequestOptions): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = getSecurely({
        ...{
          socketPath: path,
          path: '/health',
          host: 'localhost',
          ca: authority.ca,
          agent: false,
          ...options,
        },
      });
      request.once('response', (response) => response.once('data', (data) => resolve(String(data))));
      request.once('error', reject);
    });
  try {
    const answers = await Promise.all(Array.from({ length: 20 }, () => health({ cert, key })));
    expect(answers.map((answer) => JSON.parse(answer) as unknown)).toEqual(
      answers.map(() => ({ health: 'true', reason: '' })),
    );
    await expect(health({})).rejects.toThrow();
  } finally {
    await it.close();
    rmSync(directory, { recursive: true });
  }
});
