/**
 * Goal: whoever gets in over TLS was verified, and whoever does not is told of in the log. Method: real handshakes by
 * node:tls and real files; certificates are made by the test.
 */
import { once } from 'node:events';
import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger, type Logger } from '../../base/index.ts';
import { TestAuthority, type CertificateFiles } from '../../../test/support/certificates.ts';
import { Listener } from '../listener.ts';
import { TlsAcceptor, type TlsLimits } from './acceptor.ts';
import type { TlsOptions } from './options.ts';

let authority: TestAuthority;
let server: CertificateFiles;
let client: CertificateFiles;
beforeAll(async () => {
  authority = await TestAuthority.create();
  server = await authority.server();
  client = await authority.client('alice', { names: ['alice.example'], addresses: ['10.0.0.1'] });
});

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Started {
  readonly port: number;
  readonly acceptor: TlsAcceptor;
  readonly accepted: TLSSocket[];
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[];
}

async function start(options: Partial<TlsOptions> = {}, limits: TlsLimits = {}): Promise<Started> {
  const lines: Started['lines'] = [];
  const to =
    (level: string): Logger['warn'] =>
    (message, fields = {}) =>
      void lines.push({ level, message, fields });
  const logger: Logger = { ...silentLogger, warn: to('warn'), error: to('error') };
  const { certFile, keyFile } = server;
  const acceptor = TlsAcceptor.open(
    { certFile, keyFile, clientCertRequired: false, ...options },
    logger,
    limits,
  );
  const listener = await Listener.open('https://127.0.0.1:0', { tls: acceptor });
  const accepted: TLSSocket[] = [];
  listener.serve((socket) => {
    accepted.push(socket as TLSSocket);
    socket.write('hello');
  });
  closers.push(() => listener.destroy());
  return { port: Number(new URL(listener.url).port), acceptor, accepted, lines };
}

/** What the server says, or how it fails. */
function dial(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: authority.ca, ...options });
    closers.push(() => socket.destroy());
    socket.once('data', (bytes: Buffer) => resolve(String(bytes)));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

const withCertificate = ({ certificate, key }: CertificateFiles): ConnectionOptions => ({
  cert: certificate,
  key,
});

describe('a port with TLS and plain text', () => {
  test('gives each connection to the listener of what it speaks, also one that came before they were served', async () => {
    const { certFile, keyFile } = server;
    const tls = TlsAcceptor.open({ certFile, keyFile, clientCertRequired: false }, silentLogger);
    const secure = await Listener.open('https://127.0.0.1:0', { tls, traffic: 'grpc' });
    const plain = secure.withPlainText({ connectionsMax: 1 });
    closers.push(() => secure.destroy());
    expect([plain.url, plain.isSecure, plain.traffic]).toEqual([
      secure.url.replace('s:', ':'),
      false,
      'grpc',
    ]);
    const port = Number(new URL(secure.url).port);
    const early = connect(port, '127.0.0.1');
    early.write('early');
    secure.serve((socket) => void socket.write('secret'));
    await expect.poll(() => plain.connections).toBe(1);
    plain.serve((socket) => socket.on('data', (bytes: Buffer) => socket.write(`open ${bytes.toString()}`)));
    expect(String((await once(early, 'data'))[0])).toBe('open early');
    expect(await dial(port)).toBe('secret');
    early.destroy();
    await expect.poll(() => plain.connections).toBe(0);
    plain.destroy();
    expect(await dial(port)).toMatch(/ECONNREFUSED/);
  });
});

describe('a server with a certificate', () => {
  test('serves clients that trust it, and offers h2 and http/1.1', async () => {
    const { port, accepted } = await start();
    expect(await dial(port, { ALPNProtocols: ['h2'] })).toBe('hello');
    expect(await dial(port, { ALPNProtocols: ['http/1.1'] })).toBe('hello');
    expect(await dial(port)).toBe('hello');
    expect(accepted.map((socket) => socket.alpnProtocol)).toEqual(['h2', 'http/1.1', false]);
    expect(await dial(port, { ALPNProtocols: ['spdy'] })).toMatch(
      /ALPN|NO_APPLICATION_PROTOCOL|closed|ECONNRESET/,
    );
  });

  test('tells of plain text, answers HTTP in words, and closes', async () => {
    const { port, accepted, lines } = await start();
    const answers: string[] = [];
    for (const text of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\0\0\0']) {
      answers.push(await plain(port, text));
    }
    expect(answers[0]).toContain('400 Bad Request');
    expect(answers[0]).toContain('Client sent an HTTP request to an HTTPS server.');
    expect(answers.slice(1)).toEqual(['', '']);
    expect(accepted).toEqual([]);
    expect(lines).toMatchObject([
      {
        level: 'warn',
        message: 'closed a connection: plain text on a port that serves TLS; connect with https://',
        fields: { peer: '127.0.0.1', port },
      },
    ]);
  });

  test('serves the versions that it is told to', async () => {
    const newer = await start({ minVersion: 'TLS1.3' });
    expect(await dial(newer.port, { maxVersion: 'TLSv1.2' })).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    expect(await dial(newer.port)).toBe('hello');
    expect(newer.lines).toMatchObject([
      { message: 'a TLS handshake failed', fields: { peer: '127.0.0.1', reason: 'unsupported protocol' } },
    ]);
    const older = await start({ maxVersion: 'TLS1.2' });
    expect(await dial(older.port, { minVersion: 'TLSv1.3' })).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    expect(await dial(older.port)).toBe('hello');
    expect(older.accepted[0]?.getProtocol()).toBe('TLSv1.2');
  });

  test('serves no version below 1.2', async () => {
    const { port } = await start();
    const old: ConnectionOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
    expect(await dial(port, old)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  test('serves the cipher suites that it is told to, by the names of Go', async () => {
    const { port, accepted } = await start({
      cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305'],
    });
    const use = (ciphers: string): Promise<string> => dial(port, { maxVersion: 'TLSv1.2', ciphers });
    expect(await use('ECDHE-ECDSA-AES128-GCM-SHA256')).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
    expect(await use('ECDHE-ECDSA-AES256-GCM-SHA384')).toBe('hello');
    expect(await use('ECDHE-ECDSA-CHACHA20-POLY1305')).toBe('hello');
    // As in Go, they say nothing about TLS 1.3.
    expect(await dial(port, { minVersion: 'TLSv1.3' })).toBe('hello');
    expect(accepted).toHaveLength(3);
  });

  test('gives no session to resume', async () => {
    const { port } = await start();
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const both: ConnectionOptions = { minVersion: version, maxVersion: version };
      const session = await new Promise<Buffer | undefined>((resolve) => {
        const socket = connectTls({ host: '127.0.0.1', port, ca: authority.ca, ...both });
        let latest: Buffer | undefined;
        socket.on('session', (bytes: Buffer) => (latest = bytes));
        socket.once('data', () => setTimeout(() => socket.destroy(), 50));
        socket.once('close', () => resolve(latest ?? socket.getSession()));
      });
      const second = connectTls({
        ...{ host: '127.0.0.1', port, ca: authority.ca, ...both },
        ...(session === undefined ? {} : { session }),
      });
      closers.push(() => second.destroy());
      await new Promise((resolve) => second.once('secureConnect', resolve));
      expect(second.isSessionReused()).toBe(false);
    }
  });
});

describe('a server that verifies clients', () => {
  const mutual = (more: Partial<TlsOptions> = {}): Partial<TlsOptions> => ({
    ...{ trustedCaFile: authority.caFile, clientCertRequired: true },
    ...more,
  });

  test('serves those with a certificate of its authority, in either version', async () => {
    const { port } = await start(mutual());
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await dial(port, { ...withCertificate(client), maxVersion })).toBe('hello');
    }
  });

  test('refuses those without one, and those with another', async () => {
    const { port, accepted, lines } = await start(mutual());
    expect(await dial(port)).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    const stranger = await (await TestAuthority.create('a stranger')).client();
    expect(await dial(port, withCertificate(stranger))).not.toBe('hello');
    // A server's certificate is not one for a client.
    expect(await dial(port, withCertificate(server))).not.toBe('hello');
    const expired = await authority.client('expired', { notAfter: new Date(Date.now() - 1000) });
    expect(await dial(port, withCertificate(expired))).not.toBe('hello');
    expect(accepted).toEqual([]);
    const refused = (why: string): unknown => ({
      message: 'refused a client',
      fields: { peer: '127.0.0.1', reason: `its certificate is not accepted: ${why}` },
    });
    // Each reason is told, also when another was told just before.
    expect(lines).toMatchObject([
      { fields: { peer: '127.0.0.1', reason: 'peer did not return a certificate' } },
      refused('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      refused('INVALID_PURPOSE'),
      refused('CERT_HAS_EXPIRED'),
    ]);
    expect(await dial(port, withCertificate(expired))).not.toBe('hello');
    expect(lines).toHaveLength(4);
  });

  test('refuses what a revocation list names, in DER and in PEM', async () => {
    const other = await authority.client('bob');
    for (const clientCrlFile of [await authority.revoke([client]), await authority.revokeInPem([client])]) {
      const { port, accepted, lines } = await start(mutual({ clientCrlFile }));
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        expect(await dial(port, { ...withCertificate(client), maxVersion })).not.toBe('hello');
      }
      expect(accepted).toEqual([]);
      expect(lines[0]?.fields['reason']).toMatch(/^certificate [0-9A-F]{32} is revoked$/);
      expect(await dial(port, withCertificate(other))).toBe('hello');
    }
  });

  test('takes a number on the list for that of a certificate below the root', async () => {
    // A root that calls itself 1, and so its first client, must not lock all others out.
    const clientCrlFile = await authority.revoke([authority.self], 'root.der');
    expect(await dial((await start(mutual({ clientCrlFile }))).port, withCertificate(client))).toBe('hello');
  });

  test('refuses a certificate whose issuer is revoked', async () => {
    const below = await authority.intermediate();
    const leaf = await below.client('carol');
    const chain = { cert: leaf.certificate + below.ca, key: leaf.key };
    const clientCrlFile = await authority.revoke([below.self], 'chain.der');
    const { port, lines } = await start(mutual({ clientCrlFile }));
    expect(await dial(port, chain)).not.toBe('hello');
    expect(lines[0]?.fields['reason']).toContain('is revoked');
    expect(await dial((await start(mutual())).port, chain)).toBe('hello');
  });

  test.each([
    [['alice.example'], 'hello'],
    [['bob.example', 'alice.example'], 'hello'],
    [['10.0.0.1'], 'hello'],
    [['bob.example'], 'refused'],
    [['10.0.0.2'], 'refused'],
    // The common name is no host name, as in Go.
    [['alice'], 'refused'],
  ])('lets in by host name: %j, %s', async (clientHostnames, expected) => {
    const { port, accepted } = await start(mutual({ clientHostnames }));
    const answer = await dial(port, withCertificate(client));
    expect(answer === 'hello' ? answer : 'refused').toBe(expected);
    expect(accepted).toHaveLength(expected === 'hello' ? 1 : 0);
  });

  test.each([
    [['alice'], 'hello'],
    [['bob', 'alice.example'], 'refused'],
  ])('lets in by common name: %j, %s', async (clientCommonNames, expected) => {
    const { port } = await start(mutual({ clientCommonNames }));
    const answer = await dial(port, withCertificate(client));
    expect(answer === 'hello' ? answer : 'refused').toBe(expected);
  });
});

describe('files', () => {
  test('that change are used for the next connection; broken ones are not', async () => {
    const certFile = `${authority.directory}/live.pem`;
    const keyFile = `${authority.directory}/live-key.pem`;
    copyFileSync(server.certFile, certFile);
    copyFileSync(server.keyFile, keyFile);
    const { port, lines } = await start({ certFile, keyFile });
    const serial = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 120));
      return new Promise((resolve, reject) => {
        const socket = connectTls({ host: '127.0.0.1', port, ca: authority.ca }, () => {
          resolve(socket.getPeerCertificate().subject.CN as string);
          socket.destroy();
        });
        socket.once('error', reject);
      });
    };
    expect(await serial()).toBe('server');
    const renewed = await authority.server('renewed');
    // The certificate is there and its key is not yet.
    renameSync(renewed.certFile, certFile);
    expect(await serial()).toBe('server');
    expect(lines).toMatchObject([
      { level: 'error', message: 'changed TLS files cannot be used; the previous ones stay in use' },
    ]);
    expect(await serial()).toBe('server');
    expect(lines).toHaveLength(1);
    renameSync(renewed.keyFile, keyFile);
    expect(await serial()).toBe('renewed');
    writeFileSync(certFile, 'garbage');
    expect(await serial()).toBe('renewed');
    expect(lines[1]?.fields['reason']).toBe(`Cannot use ${certFile}: no certificate in PEM is in it`);
  });

  test('promise 9: that cannot even be looked at any more leave what was loaded in use', async () => {
    const certFile = `${authority.directory}/looked-at.pem`;
    copyFileSync(server.certFile, certFile);
    const { port, lines } = await start({ certFile });
    rmSync(certFile);
    // As in a directory that may not be entered: an error other than that there is no such file.
    symlinkSync(certFile, certFile);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await dial(port)).toBe('hello');
    expect(lines).toMatchObject([
      { message: 'changed TLS files cannot be used; the previous ones stay in use' },
    ]);
    expect(lines[0]?.fields['reason']).toContain('ELOOP');
    await expect(start({ certFile })).rejects.toMatchObject({ code: 'invalidTls', address: certFile });
  });

  test('the list of revoked certificates too, and the authorities', async () => {
    const clientCrlFile = await authority.revoke([], 'live.der');
    const trustedCaFile = `${authority.directory}/live-ca.pem`;
    copyFileSync(authority.caFile, trustedCaFile);
    const { port } = await start({ trustedCaFile, clientCertRequired: true, clientCrlFile });
    expect(await dial(port, withCertificate(client))).toBe('hello');
    await authority.revoke([client], 'live.der');
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await dial(port, withCertificate(client))).not.toBe('hello');
    const other = await TestAuthority.create('another');
    writeFileSync(trustedCaFile, other.ca);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await dial(port, withCertificate(await other.client()))).toBe('hello');
    expect(await dial(port, withCertificate(await authority.client('dave')))).not.toBe('hello');
  });

  test.each([
    [{ certFile: '/nowhere/cert.pem' }, /^Cannot use \/nowhere\/cert.pem: ENOENT/],
    [{ keyFile: '/nowhere/key.pem' }, /^Cannot use \/nowhere\/key.pem: ENOENT/],
    [{ trustedCaFile: '/nowhere/ca.pem' }, /^Cannot use \/nowhere\/ca.pem: ENOENT/],
    [{ clientCrlFile: '/nowhere/crl.der' }, /^Cannot use \/nowhere\/crl.der: ENOENT/],
  ])('that are missing stop the start: %j', async (options, message) => {
    await expect(start(options)).rejects.toThrow(message);
  });

  test('that are not what they should be stop the start', async () => {
    const empty = `${authority.directory}/empty.pem`;
    writeFileSync(empty, '');
    const other = await authority.server('other');
    await expect(start({ certFile: empty })).rejects.toMatchObject({ code: 'invalidTls', address: empty });
    await expect(start({ keyFile: empty })).rejects.toMatchObject({ code: 'invalidTls' });
    await expect(start({ trustedCaFile: empty })).rejects.toMatchObject({
      code: 'invalidTls',
      address: empty,
    });
    await expect(start({ clientCrlFile: empty })).rejects.toMatchObject({
      code: 'invalidTls',
      address: empty,
    });
    await expect(start({ keyFile: other.keyFile })).rejects.toThrow('do not work together');
  });
});

describe('promise 7: clients that are slow', () => {
  test('with their first byte or with their handshake are cut off in time', async () => {
    const { port, acceptor } = await start({}, { handshakeMsMax: 200 });
    const silent = plainSocket(port);
    const begun = plainSocket(port);
    begun.write(Buffer.from([0x16, 3, 1, 1, 0]));
    const closed = [silent, begun].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await Promise.all(closed);
    expect(acceptor.waiting).toBe(0);
    expect(await dial(port)).toBe('hello');
  });

  test('make room for those that are not', async () => {
    const { port, acceptor } = await start({}, { waitingMax: 4 });
    const sockets = Array.from({ length: 10 }, () => plainSocket(port));
    await expect.poll(() => sockets.filter((socket) => socket.closed).length).toBe(6);
    expect(acceptor.waiting).toBe(4);
    expect(await dial(port)).toBe('hello');
  });
});

function plainSocket(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  closers.push(() => socket.destroy());
  return socket;
}

function plain(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = plainSocket(port);
    socket.on('data', (bytes) => (answer += String(bytes))).once('close', () => resolve(answer));
    socket.write(text);
  });
}
