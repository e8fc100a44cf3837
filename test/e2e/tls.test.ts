/**
 * Goal: the whole server over TLS, as clients of etcd meet it. Method: grpc-js, node:tls, curl and etcdctl against a
 * server in this process, with certificates of an authority that the test makes.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findTool } from '../../scripts/tools.ts';
import type { Logger, Settings } from '../../src/index.ts';
import { TestAuthority, type CertificateFiles } from '../support/certificates.ts';
import { CallError, TestClient } from '../support/client.ts';
import { freePort, run } from '../support/process.ts';
import { bytes, httpGet, startTestServer, type TestServer } from '../support/server.ts';

let authority: TestAuthority;
let server: CertificateFiles;
let client: CertificateFiles;
let directory: string;
beforeAll(async () => {
  authority = await TestAuthority.create();
  server = await authority.server();
  client = await authority.client();
  directory = mkdtempSync(join(tmpdir(), 'engram-tls-'));
});
afterAll(() => {
  for (const path of [directory, authority.directory]) rmSync(path, { recursive: true, force: true });
});

const started: TestServer[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.close();
});

interface Secure extends TestServer {
  readonly warnings: string[];
}

const one = ['https://127.0.0.1:0'];

async function start(overrides: Partial<Settings> = {}, channel?: ChannelCredentials): Promise<Secure> {
  const warnings: string[] = [];
  const logger: Logger = {
    ...{ debug: () => undefined, info: () => undefined, error: () => undefined, child: () => logger },
    // Not of TLS, and not for a test to rule out: other programs may keep this one waiting.
    warn: (message) => void (message.startsWith('the process was paused') || warnings.push(message)),
  };
  const it = await startTestServer(
    { listenClientUrls: one, certFile: server.certFile, keyFile: server.keyFile, ...overrides },
    { credentials: channel ?? credentials.createSsl(bytes(authority.ca)), logger },
  );
  started.push(it);
  return Object.assign(it, { warnings });
}

const mutual = (): Partial<Settings> => ({ trustedCaFile: authority.caFile, clientCertAuth: true });
const as = ({ key, certificate }: CertificateFiles): ChannelCredentials =>
  credentials.createSsl(bytes(authority.ca), bytes(key), bytes(certificate));
const portOf = (url: string): number => Number(new URL(url).port);

async function failure(it: TestServer, channel: ChannelCredentials): Promise<unknown> {
  return it
    .connect(channel)
    .call('KV.Range', { key: bytes('a') }, { deadlineMs: 30_000 })
    .catch((error: unknown) => error);
}

describe('over TLS', () => {
  test('calls, streams and large answers go as they do without', async () => {
    const { client: it } = await start();
    const value = Buffer.alloc(1024 * 1024, 'v');
    for (let i = 0; i < 8; i++) await it.call('KV.Put', { key: bytes(`k${i}`), value });
    const { kvs } = await it.call('KV.Range', { key: bytes('k'), range_end: bytes('l') });
    expect((kvs as { value: Buffer }[]).map((each) => each.value.equals(value))).toEqual(Array(8).fill(true));
    const watch = it.open('Watch.Watch');
    watch.send({ create_request: { key: bytes('w') } });
    expect((await watch.next())['created']).toBe(true);
    await it.call('KV.Put', { key: bytes('w'), value: bytes('1') });
    expect(((await watch.next())['events'] as unknown[]).length).toBe(1);
    watch.cancel();
  });

  test('the client port serves HTTP/1.1, too', async () => {
    const it = await start();
    const { status, body } = await httpsGet(`${it.clientUrl}/version`);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ etcdserver: '3.7.3' });
  });

  test('a client that does not say what it speaks is told by its first bytes', async () => {
    const it = await start();
    const socket = connectTls({ host: '127.0.0.1', port: portOf(it.clientUrl), ca: authority.ca });
    socket.write('GET /health HTTP/1.1\r\nHost: a\r\n');
    let answer = '';
    socket.on('data', (part: Buffer) => (answer += part.toString()));
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.write('Connection: close\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(socket.alpnProtocol).toBe(false);
    expect(answer).toContain('"health":"true"');
  });

  test('a port in the list with both schemes serves both, whichever comes first', async () => {
    const port = await freePort();
    const plain = `http://127.0.0.1:${port}`;
    const it = await start({ listenClientUrls: [plain, plain.replace('http', 'https')] });
    await it.connect(credentials.createInsecure()).call('KV.Put', { key: bytes('a'), value: bytes('1') });
    const { kvs } = await it.connect().call('KV.Range', { key: bytes('a') });
    expect((kvs as { value: Buffer }[]).map(({ value }) => String(value))).toEqual(['1']);
    expect((await httpGet(`${plain}/health`)).body).toContain('"health":"true"');
    expect((await httpsGet(`${plain.replace('http', 'https')}/health`)).body).toContain('"health":"true"');
  });

  test('metrics may be served the same way', async () => {
    const { metricsUrl } = await start({ listenMetricsUrls: one });
    expect(metricsUrl).toMatch(/^https:/);
    expect((await httpsGet(`${metricsUrl}/metrics`)).body).toContain('etcd_server_has_leader 1');
  });

  test('plain text is refused, and so is TLS where there is none; both are told', async () => {
    const it = await start();
    const plain = await httpGet(it.clientUrl.replace('https:', 'http:'));
    expect(plain).toMatchObject({ status: 400, body: 'Client sent an HTTP request to an HTTPS server.\n' });
    expect(it.warnings).toEqual([
      'closed a connection: plain text on a port that serves TLS; connect with https://',
    ]);
    const other = await start({ listenClientUrls: ['http://127.0.0.1:0'] });
    expect(await dial(other.clientUrl)).toMatch(/ECONNRESET|closed/);
    expect(other.warnings).toEqual([
      'closed a connection: TLS on a port that serves plain text; connect with http://',
    ]);
  });

  test('a version that is too old is refused', async () => {
    const { clientUrl } = await start({ tlsMinVersion: 'TLS1.3' });
    expect(await dial(clientUrl, { maxVersion: 'TLSv1.2' })).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    expect(await dial(clientUrl)).toBe('TLSv1.3');
  });

  test('a cipher suite that nobody knows stops the start', async () => {
    await expect(start({ cipherSuites: ['TLS_RSA_WITH_RC4_128_SHA'] })).rejects.toThrow(
      'Cannot use cipher suite TLS_RSA_WITH_RC4_128_SHA: Go has no such name, or OpenSSL no such suite',
    );
  });
});

describe('mutual TLS', () => {
  test('lets clients in that the authority knows, and no others', async () => {
    const it = await start(mutual(), as(client));
    await it.client.call('KV.Put', { key: bytes('a'), value: bytes('1') });
    expect(await failure(it, credentials.createSsl(bytes(authority.ca)))).toMatchObject({ code: 14 });
    const stranger = await (await TestAuthority.create('a stranger')).client();
    expect(await failure(it, as(stranger))).toBeInstanceOf(CallError);
    expect(it.warnings).toContain('refused a client');
    expect(it.warnings).toContain('a TLS handshake failed');
  });

  test('naming an authority is enough to ask for certificates, as in etcd', async () => {
    const it = await start({ trustedCaFile: authority.caFile }, as(client));
    await it.client.call('KV.Range', { key: bytes('a') });
    expect(await failure(it, credentials.createSsl(bytes(authority.ca)))).toMatchObject({ code: 14 });
  });

  test('keeps out who is revoked, from the next connection on', async () => {
    const clientCrlFile = await authority.revoke([], 'e2e.der');
    const it = await start({ ...mutual(), clientCrlFile }, as(client));
    await it.client.call('KV.Range', { key: bytes('a') });
    await authority.revoke([client], 'e2e.der');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await failure(it, as(client))).toMatchObject({ code: 14 });
    expect(it.warnings).toContain('refused a client');
    const other = await authority.client('other');
    await it.connect(as(other)).call('KV.Range', { key: bytes('a') });
  });

  test('lets in by host names and by common names', async () => {
    const named = await authority.client('named', { names: ['apiserver.example'] });
    const byHost = await start({ ...mutual(), clientCertAllowedHostname: ['apiserver.example'] }, as(named));
    await byHost.client.call('KV.Range', { key: bytes('a') });
    expect(await failure(byHost, as(client))).toMatchObject({ code: 14 });
    const byName = await start({ ...mutual(), clientCertAllowedCn: ['named'] }, as(named));
    await byName.client.call('KV.Range', { key: bytes('a') });
    expect(await failure(byName, as(client))).toMatchObject({ code: 14 });
  });
});

test('a renewed certificate is used for the next connection', async () => {
  const certFile = join(directory, 'renewed.pem');
  const keyFile = join(directory, 'renewed-key.pem');
  writeFileSync(certFile, server.certificate);
  writeFileSync(keyFile, server.key);
  const it = await start({ certFile, keyFile });
  const open = it.client.open('Watch.Watch');
  open.send({ create_request: { key: bytes('w') } });
  await open.next();
  const renewed = await authority.server('renewed');
  writeFileSync(certFile, renewed.certificate);
  writeFileSync(keyFile, renewed.key);
  await expect.poll(() => servedName(it.clientUrl)).toBe('renewed');
  // Who is connected stays.
  await it.connect().call('KV.Put', { key: bytes('w'), value: bytes('1') });
  expect(((await open.next())['events'] as unknown[]).length).toBe(1);
  open.cancel();
});

describe('--auto-tls', () => {
  const auto = (dataDir: string): Partial<Settings> => ({
    ...{ certFile: undefined, keyFile: undefined, autoTls: true, dataDir, engine: 'level' },
  });

  test('makes a certificate that signs itself where etcd does, and uses it again', async () => {
    const dataDir = join(directory, 'auto');
    const it = await start(auto(dataDir));
    const certFile = join(dataDir, 'fixtures/client/cert.pem');
    const keyFile = join(dataDir, 'fixtures/client/key.pem');
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const trusting = credentials.createSsl(readFileSync(certFile));
    await it.connect(trusting).call('KV.Put', { key: bytes('a'), value: bytes('1') });
    expect(it.warnings).toContain('made a certificate that signs itself');
    await started.pop()?.close();
    const again = await start(auto(dataDir));
    expect(again.warnings).toEqual([]);
    const { kvs } = await again.connect(trusting).call('KV.Range', { key: bytes('a') });
    expect(kvs).toHaveLength(1);
  });

  test('replaces a certificate that has expired', async () => {
    const dataDir = join(directory, 'expired');
    await start(auto(dataDir));
    await started.pop()?.close();
    const certFile = join(dataDir, 'fixtures/client/cert.pem');
    const expired = await authority.server('expired', { notAfter: new Date(Date.now() - 1000) });
    writeFileSync(certFile, expired.certificate);
    const it = await start(auto(dataDir));
    expect(it.warnings).toContain('made a certificate that signs itself');
    await it.connect(credentials.createSsl(readFileSync(certFile))).call('KV.Range', { key: bytes('a') });
  });
});

test('ports for HTTP alone take it from the others', async () => {
  const it = await start({ listenClientHttpUrls: one });
  await it.client.call('KV.Put', { key: bytes('a'), value: bytes('1') });
  const httpUrl = it.server.clientHttpUrls[0]!;
  expect((await httpsGet(`${httpUrl}/health`)).body).toContain('"health":"true"');
  await expect(httpsGet(`${it.clientUrl}/health`)).rejects.toThrow();
  const other = new TestClient(httpUrl, credentials.createSsl(bytes(authority.ca)));
  // etcd's mux does not find the method: 404, which gRPC reads as unimplemented.
  await expect(other.call('KV.Range', { key: bytes('a') })).rejects.toMatchObject({ code: 12 });
  other.close();
});

describe('other clients', () => {
  test('curl, over HTTP/1.1 and HTTP/2', async (context) => {
    const version = await run('curl', ['--version']);
    if (version.code !== 0) return context.skip('curl is not installed');
    const it = await start(mutual(), as(client));
    const identity = ['--cert', client.certFile, '--key', client.keyFile, '--cacert', authority.caFile];
    const protocols = version.stdout.includes('HTTP2') ? ['--http1.1', '--http2'] : ['--http1.1'];
    for (const protocol of protocols) {
      const answer = await run('curl', [
        ...['-sS', protocol, ...identity, '-w', ' %{http_version} %{http_code}'],
        `${it.clientUrl}/health`,
      ]);
      expect(answer.stdout).toBe(`{"health":"true","reason":""} ${protocol === '--http2' ? '2' : '1.1'} 200`);
      const put = ['-d', `{"key":"${btoa('a')}","value":"${btoa('1')}"}`, `${it.clientUrl}/v3/kv/put`];
      expect((await run('curl', ['-sS', protocol, ...identity, ...put])).stdout).toContain('"revision"');
    }
    const refused = await run('curl', ['-sS', '--cacert', authority.caFile, `${it.clientUrl}/health`]);
    expect(refused.code).not.toBe(0);
  });

  test('etcdctl', async (context) => {
    const tool = await findTool('etcdctl');
    if (tool.kind === 'missing' || !existsSync(tool.path)) return context.skip('etcdctl is not built');
    const it = await start(mutual(), as(client));
    const flags = [
      ...['--endpoints', it.clientUrl, '--cacert', authority.caFile],
      ...['--cert', client.certFile, '--key', client.keyFile],
    ];
    expect((await run(tool.path, [...flags, 'put', 'a', '1'])).stdout).toBe('OK\n');
    expect((await run(tool.path, [...flags, 'get', 'a'])).stdout).toBe('a\n1\n');
    const stranger = await run(tool.path, [...flags.slice(0, 4), '--command-timeout=2s', 'get', 'a']);
    expect(stranger.code).not.toBe(0);
  });
});

interface Got {
  readonly status: number;
  readonly body: string;
}

function httpsGet(url: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    const call = get(url, { ca: authority.ca, agent: false }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject);
  });
}

/** The version of TLS that is spoken, or how it fails. */
function dial(url: string, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port: portOf(url), ca: authority.ca, ...options }, () => {
      resolve(String(socket.getProtocol()));
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

function servedName(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: portOf(url), ca: authority.ca }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
