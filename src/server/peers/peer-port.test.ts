/**
 * Goal: nobody but a node of the cluster gets anything of the peer port, and no node can harm another by what it sends or
 * does not read. Method: foreign clients, foreign bytes and foreign certificates against a port as the program opens it.
 */
import {
  Client,
  credentials,
  Metadata,
  status,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { copyFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { joinedPeerMessage, type PeerMessage } from '../../wire/index.ts';
import { TestAuthority, type CertificateFiles } from '../../../test/support/certificates.ts';
import { mutualTls, nodeCertificate, TestPeer, until } from '../../../test/support/peers.ts';
import { LINK_PATH } from './dialed-stream.ts';

const peers: TestPeer[] = [];
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const peer of peers.splice(0)) {
    await peer.close();
    expect(peer.faults).toEqual([]);
  }
});

async function peer(...flags: string[]): Promise<TestPeer> {
  const started = await TestPeer.start(...flags);
  peers.push(started);
  return started;
}

const identity = (bytes: Buffer): Buffer => bytes;
const question = (id: number): PeerMessage => ({ kind: 'readIndex', id });

/** A stream of a client that is no node, and how it ended. */
function foreignStream(target: string, path = LINK_PATH): Foreign {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  clients.push(client);
  const stream = client.makeBidiStreamRequest(path, identity, identity, new Metadata(), {});
  const end = new Promise<number>((resolve) => {
    stream.on('error', (error: ServiceError) => resolve(error.code));
    stream.on('end', () => resolve(status.OK));
  });
  return { stream, end };
}

interface Foreign {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly end: Promise<number>;
}

async function links(from: TestPeer, to: TestPeer): Promise<boolean> {
  const before = to.accepted.length;
  const { link, sink } = from.connect(to.url);
  link.send(question(1));
  await until('a link or its end', () => sink.ends === 1 || to.accepted.length > before);
  const isLinked = sink.ends === 0;
  link.close();
  return isLinked;
}

describe('the port', () => {
  test('serves links and nothing else', async () => {
    const leader = (await peer()).accept();
    const target = `127.0.0.1:${leader.port}`;
    for (const path of ['/etcdserverpb.KV/Range', '/engram.Peer/Other', '/grpc.health.v1.Health/Check']) {
      const { stream, end } = foreignStream(target, path);
      stream.resume();
      expect(await end).toBe(status.UNIMPLEMENTED);
    }
    // HTTP/1.1 gets no answer, HTTP/2 that is not gRPC one without content.
    expect(await answerTo(leader.port, 'GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n')).toBe('');
    expect(await statusOf(leader.port, '/metrics')).toBe(415);
    expect(leader.accepted).toEqual([]);
  });

  test('promise 9: garbage ends the connection or the link that brings it, and no other', async () => {
    const leader = (await peer()).accept();
    const follower = await peer();
    const { link, sink } = follower.connect(leader.url);
    link.send(question(0));
    await until('the link', () => leader.accepted[0]?.messages.length === 1);
    await answerTo(leader.port, Buffer.alloc(1000, 0xff));
    const garbage = [Buffer.alloc(100, 0xff), Buffer.from([0x1a, 0x05, 0x0a]), Buffer.from([0])];
    for (const bytes of garbage) {
      const { stream, end } = foreignStream(`127.0.0.1:${leader.port}`);
      stream.on('data', () => undefined);
      const before = leader.accepted.length;
      stream.write(joinedPeerMessage(question(5)));
      stream.write(bytes);
      stream.write(joinedPeerMessage(question(6)));
      expect(await end).toBe(status.INVALID_ARGUMENT);
      await until('the end', () => leader.accepted[before]?.ends === 1);
      expect(leader.accepted[before]!.ids).toEqual([5]);
    }
    link.send(question(1));
    await until('the next', () => leader.accepted[0]!.messages.length === 2);
    expect([sink.ends, leader.accepted[0]!.ends]).toEqual([0, 0]);
    expect(leader.warnings.join()).toContain('a message cannot be read');
  });

  test('what the leader must not say ends the link of the follower', async () => {
    const leader = (await peer()).accept();
    const follower = await peer();
    const { link, sink } = follower.connect(leader.url);
    link.send(question(0));
    await until('the link', () => leader.accepted[0]?.messages.length === 1);
    leader.accepted[0]!.link!.send({ kind: 'announce', epoch: -1, sequence: 0 });
    await until('the end', () => sink.ends === 1 && leader.accepted[0]!.ends === 1);
    expect(sink.messages).toEqual([]);
    expect(follower.warnings.join()).toContain('a number that no node counts to');
  });

  test('messages of a later version are passed over', async () => {
    const leader = (await peer()).accept();
    const { stream } = foreignStream(`127.0.0.1:${leader.port}`);
    stream.on('data', () => undefined);
    stream.write(Buffer.from('fa0103010203', 'hex'));
    stream.write(joinedPeerMessage(question(6)));
    await until('the one', () => leader.accepted[0]?.messages.length === 1);
    expect(leader.accepted[0]!.ids).toEqual([6]);
    stream.cancel();
    await until('the end', () => leader.accepted[0]!.ends === 1);
  });

  test('promise 7: a slow reader fills its own way only, and is told when there is room', async () => {
    const leader = (await peer()).accept();
    const { stream } = foreignStream(`127.0.0.1:${leader.port}`);
    let bytes = 0;
    stream.on('data', (message: Buffer) => (bytes += message.length));
    stream.write(joinedPeerMessage(question(0)));
    await until('the link', () => leader.accepted[0]?.messages.length === 1);
    stream.pause();
    const [slow] = leader.accepted;
    const content = Buffer.alloc(64 * 1024);
    const send = (sequence: number): boolean =>
      slow!.link!.send({ kind: 'commit', epoch: 1, announced: 0, chunks: [{ sequence, bytes: content }] });
    let sent = 0;
    for (; sent < 10_000 && send(sent); sent++) if (sent % 16 === 0) await new Promise(setImmediate);
    // 16 MiB wait here, and what the windows and the sockets between take.
    expect(sent * content.length).toBeGreaterThan(15 * 1024 * 1024);
    expect(sent * content.length).toBeLessThan(64 * 1024 * 1024);
    expect(slow!.drains).toBe(0);
    // Others are not held up.
    const follower = await peer();
    const other = follower.connect(leader.url);
    other.link.send(question(1));
    await until('the other', () => leader.accepted[1]?.messages.length === 1);
    for (let at = 0; at < 100; at++) leader.accepted[1]!.link!.send(question(at));
    await until('all', () => other.sink.messages.length === 100);
    stream.resume();
    await until('room', () => slow!.drains === 1);
    await until('all', () => bytes > (sent + 1) * content.length);
    expect(send(0)).toBe(true);
    stream.cancel();
  });
});

describe('with an authority', () => {
  let authority: TestAuthority;
  let stranger: TestAuthority;
  let node: CertificateFiles;
  let alien: CertificateFiles;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    stranger = await TestAuthority.create('another authority');
    node = await nodeCertificate(authority, 'node');
    alien = await nodeCertificate(stranger, 'alien');
  });

  test('a node of it is linked', async () => {
    const leader = (await peer(...mutualTls(authority, node))).accept();
    const follower = await peer(...mutualTls(authority, node));
    expect(await links(follower, leader)).toBe(true);
  });

  test('nobody else gets through the handshake', async () => {
    const leader = (await peer(...mutualTls(authority, node))).accept();
    const ca = authority.ca;
    const attempts = {
      nobody: {},
      stranger: { cert: alien.certificate, key: alien.key },
      plain: undefined,
    };
    expect(await tlsAttempt(leader.port, { ca, ...attempts.nobody })).not.toBe('served');
    expect(await tlsAttempt(leader.port, { ca, ...attempts.stranger })).not.toBe('served');
    // The judge can tell: a node of the authority is served.
    expect(await tlsAttempt(leader.port, { ca, cert: node.certificate, key: node.key })).toBe('served');
    const { stream, end } = foreignStream(`127.0.0.1:${leader.port}`);
    stream.resume();
    expect(await end).toBe(status.UNAVAILABLE);
    expect(leader.accepted).toEqual([]);
  });

  test('a node with a certificate of another authority is refused, and told of', async () => {
    const leader = (await peer(...mutualTls(authority, node))).accept();
    const [, , , , ca] = mutualTls(authority, node);
    const follower = await peer(...mutualTls(stranger, alien).slice(0, 4), ca!);
    expect(await links(follower, leader)).toBe(false);
    expect(leader.accepted).toEqual([]);
    expect(leader.warnings.join()).toContain('refused a client');
    expect(follower.warnings.join()).toContain('no link to another node');
    for (let attempt = 0; attempt < 5; attempt++) expect(await links(follower, leader)).toBe(false);
    // The connection is closed, or reset: each of the two is told once.
    expect(follower.warnings.length, follower.warnings.join('\n')).toBeLessThanOrEqual(2);
  });

  test('a node does not speak to one whose certificate is of another authority, or in plain text', async () => {
    const [, , , , ca] = mutualTls(authority, node);
    // It lets everybody of the authority in, but shows a certificate of another one.
    const impostor = (await peer(...mutualTls(stranger, alien).slice(0, 4), ca!)).accept();
    const plain = (await peer()).accept();
    const follower = await peer(...mutualTls(authority, node));
    expect(await links(follower, impostor)).toBe(false);
    expect(await links(follower, plain)).toBe(false);
    expect([...impostor.accepted, ...plain.accepted]).toEqual([]);
    expect(follower.warnings.join()).toContain('in plain text, although --peer-trusted-ca-file is given');
  });

  test('a node does not speak to one whose certificate is for another name', async () => {
    const elsewhere = await authority.server('elsewhere', {
      ...{ usages: ['serverAuth', 'clientAuth'], addresses: ['10.1.2.3'], names: ['elsewhere'] },
    });
    const leader = (await peer(...mutualTls(authority, elsewhere))).accept();
    const follower = await peer(...mutualTls(authority, node));
    expect(await links(follower, leader)).toBe(false);
    expect(follower.warnings.join()).toMatch(/altnames|does not match/);
  });

  test('only names that are allowed, on both sides', async () => {
    const flag = '--peer-cert-allowed-cn=node';
    const other = await nodeCertificate(authority, 'other');
    const strict = (await peer(...mutualTls(authority, node), flag)).accept();
    const lax = (await peer(...mutualTls(authority, other))).accept();
    const same = (await peer(...mutualTls(authority, node))).accept();
    expect(await links(lax, strict)).toBe(false);
    expect(await links(same, strict)).toBe(true);
    expect(await links(strict, lax)).toBe(false);
    expect(strict.warnings.join()).toContain('none of the allowed common names');
    expect(await links(strict, same)).toBe(true);
    const named = await peer(...mutualTls(authority, node), '--peer-cert-allowed-hostname=elsewhere');
    expect(await links(named, same)).toBe(false);
    const local = await peer(
      ...mutualTls(authority, node),
      '--peer-cert-allowed-hostname=elsewhere,localhost',
    );
    expect(await links(local, same)).toBe(true);
  });

  test('a certificate of its own for connecting', async () => {
    const client = await authority.client('client');
    const server = await authority.server('server');
    const leader = (await peer(...mutualTls(authority, node))).accept();
    const follower = await peer(
      ...mutualTls(authority, server),
      ...[`--peer-client-cert-file=${client.certFile}`, `--peer-client-key-file=${client.keyFile}`],
    );
    expect(await links(follower, leader)).toBe(true);
    // Without it: a certificate that is only for servers.
    expect(await links(await peer(...mutualTls(authority, server)), leader)).toBe(false);
  });

  test('a certificate that was renewed is shown from the next link on', async () => {
    const leader = (await peer(...mutualTls(authority, node))).accept();
    const files = {
      ...node,
      certFile: join(authority.directory, 'r.pem'),
      keyFile: join(authority.directory, 'r-key.pem'),
    };
    copyFileSync(alien.certFile, files.certFile);
    copyFileSync(alien.keyFile, files.keyFile);
    const follower = await peer(...mutualTls(authority, files));
    expect(await links(follower, leader)).toBe(false);
    // Half of a renewal changes nothing, and ends nothing.
    copyFileSync(node.keyFile, files.keyFile);
    expect(await links(follower, leader)).toBe(false);
    expect(follower.warnings.join()).toContain('the previous ones stay in use');
    copyFileSync(node.certFile, files.certFile);
    expect(await links(follower, leader)).toBe(true);
  });

  test('files that cannot be used are told at the start', async () => {
    const missing = mutualTls(authority, { ...node, certFile: '/nowhere.pem' });
    await expect(peer(...missing)).rejects.toThrow(/Cannot use \/nowhere\.pem/);
    const mixed = mutualTls(authority, { ...node, keyFile: alien.keyFile });
    await expect(peer(...mixed)).rejects.toThrow(/Cannot use .*node/);
  });
});

test('--peer-auto-tls: nodes that sign for themselves are linked, encrypted, and verified by nobody', async () => {
  const flags = ['--listen-peer-urls=https://127.0.0.1:0', '--peer-auto-tls'];
  const leader = (await peer(...flags)).accept();
  const follower = await peer(...flags);
  expect(await links(follower, leader)).toBe(true);
  expect(await tlsAttempt(leader.port, { rejectUnauthorized: false })).toBe('served');
  // A node that verifies does not take it.
  expect(await links(await peer(), leader)).toBe(false);
});

/** What comes back before the other side closes. */
function answerTo(port: number, bytes: Buffer | string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const request = session.request({ ':path': path });
    request.on('error', reject);
    request.on('response', (headers) => {
      session.destroy();
      resolve(Number(headers[':status']));
    });
  });
}

/** `served` if the server speaks HTTP/2 to this client. */
function tlsAttempt(
  port: number,
  options: { ca?: string; cert?: string; key?: string; rejectUnauthorized?: boolean },
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...options, port, host: '127.0.0.1', ALPNProtocols: ['h2'] }, () => {
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    });
    socket.on('data', () => {
      resolve('served');
      socket.destroy();
    });
    socket.on('error', (error: Error) => resolve(error.message));
    socket.on('close', () => resolve('closed'));
  });
}
