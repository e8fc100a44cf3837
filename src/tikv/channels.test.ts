/**
 * Goal: a call ends with what is known about it, and nothing of it is left. Method: a store in this process whose
 * answers depend on the key that is asked for.
 */

import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TestAuthority } from '../../test/support/certificates.ts';
import { TestEnvironment } from '../../test/support/tikv/environment.ts';
import { CALLS_MAX } from './channel.ts';
import { Channels, isAddress } from './channels.ts';
import { storeCodecs } from './codec/codec.ts';
import { RpcError } from './errors.ts';
import type { Received } from './messages.ts';
import type { StoreMethod, StoreRequests } from './store-messages.ts';
import { StoreRpc } from './store-rpc.ts';
import { TlsCredentials, type Credentials } from './tls.ts';

type Get = Received<StoreRequests['KvGet']>;

const BIG = Buffer.alloc(8 * 1024 * 1024, 7);
const identity = (bytes: Buffer): Buffer => bytes;
/** Nothing here takes long, but on a machine with more to do. */
const PATIENCE_MS = 20_000;

/** Sockets of this process, those of the servers too. */
const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

async function startStore(credentials: ServerCredentials, address = '127.0.0.1:0') {
  const { KvGet } = storeCodecs();
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const seen: string[] = [];
  const get = ({ request }: ServerUnaryCall<Get, Buffer>, callback: sendUnaryData<Buffer>): void => {
    const key = String(request.key);
    seen.push(key);
    if (key === 'hang') return;
    if (key === 'fail') return callback({ code: status.UNAVAILABLE, details: 'not today' });
    if (key === 'garbage') return callback(null, Buffer.from([0xff]));
    callback(null, KvGet.answer.encode({ value: key === 'big' ? BIG : Buffer.from(`value of ${key}`) }));
  };
  const method = { path: KvGet.path, requestStream: false, responseStream: false };
  server.addService(
    {
      KvGet: {
        ...method,
        ...{ requestSerialize: identity, responseDeserialize: identity, responseSerialize: identity },
        requestDeserialize: (bytes: Buffer) => KvGet.request.decode(bytes),
      },
    },
    { KvGet: get },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { server, seen, port, address: `127.0.0.1:${port}` };
}

type Store = Awaited<ReturnType<typeof startStore>>;

let environment: TestEnvironment;
let channels: Channels;
let rpc: StoreRpc;
let store: Store;

function connect(credentials?: Credentials): void {
  const { scheduler } = environment;
  channels = new Channels({ scheduler, ...(credentials === undefined ? {} : { credentials }) });
  rpc = new StoreRpc(channels);
}

interface Call {
  address?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
}

async function get(key: string, { address = store.address, timeoutMs = PATIENCE_MS, signal }: Call = {}) {
  const target = { address, method: 'KvGet' as const, timeoutMs, signal };
  const answer = await rpc.call(target, { context: undefined, key: Buffer.from(key), version: 1n });
  return String(answer.value.subarray(0, 100));
}

async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RpcError)) throw new Error('This is no RpcError', { cause: error });
  return error;
}

/** Waits until the store has got a call. */
async function sees(key: string): Promise<void> {
  await vi.waitFor(() => expect(store.seen).toContain(key), PATIENCE_MS);
}

beforeEach(async () => {
  environment = new TestEnvironment();
  store = await startStore(ServerCredentials.createInsecure());
  connect();
});

afterEach(async () => {
  rpc.close();
  store.server.forceShutdown();
  expect(environment.timers).toBe(0);
  await vi.waitFor(() => expect(sockets()).toBe(0), PATIENCE_MS);
});

describe('addresses', () => {
  test.each(['a:1', '127.0.0.1:20160', '[::1]:20160', 'tikv-0.tikv.svc:20160'])('%s is one', (text) => {
    expect(isAddress(text)).toBe(true);
  });

  test.each(['', 'a', 'http://a:1', 'a:b', 'a:1/', ':1', '::1:5', 'a:123456'])(
    '"%s" is none',
    async (address) => {
      expect(isAddress(address)).toBe(false);
      await expect(get('a', { address })).rejects.toMatchObject({ code: 'protocol' });
    },
  );
});

describe('a call', () => {
  test('brings its answer, also a large one', async () => {
    expect(await get('a')).toBe('value of a');
    expect(await get('big')).toHaveLength(100);
  });

  test('that nobody takes was surely not applied', async () => {
    const error = await failureOf(get('a', { address: '127.0.0.1:1' }));
    expect(error).toMatchObject({ grpcCode: status.UNAVAILABLE, maybeApplied: false });
  });

  test('without a connection in time was surely not applied', async () => {
    const silent: TcpServer = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const open = new Set<{ destroy(): void }>();
    silent.on('connection', (socket) => open.add(socket));
    const { port } = silent.address() as { port: number };
    const error = await failureOf(get('a', { address: `127.0.0.1:${port}`, timeoutMs: 300 }));
    expect(error).toMatchObject({ grpcCode: status.DEADLINE_EXCEEDED, maybeApplied: false });
    for (const socket of open) socket.destroy();
    silent.close();
  });

  test('that is sent and not answered may have been applied', async () => {
    await get('a');
    const hanging = failureOf(get('hang'));
    await sees('hang');
    environment.expire();
    expect(await hanging).toMatchObject({ grpcCode: status.DEADLINE_EXCEEDED, maybeApplied: true });
    const refused = await failureOf(get('fail'));
    expect(refused).toMatchObject({ grpcCode: status.UNAVAILABLE, maybeApplied: true });
    expect(refused.message).toContain('not today');
  });

  test('that the store does not know was surely not applied', async () => {
    const target = { address: store.address, method: 'KvScanLock' as const, timeoutMs: PATIENCE_MS };
    const request = {
      context: undefined,
      maxVersion: 1n,
      startKey: Buffer.alloc(0),
      limit: 1,
      endKey: Buffer.alloc(0),
    };
    const error = await failureOf(rpc.call(target, request));
    expect(error).toMatchObject({ grpcCode: status.UNIMPLEMENTED, maybeApplied: false });
  });

  test('whose answer cannot be read may have been applied', async () => {
    await expect(get('garbage')).rejects.toMatchObject({ code: 'protocol', maybeApplied: true });
  });

  test('ends at once with its signal', async () => {
    const abort = new AbortController();
    const call = failureOf(get('hang', { signal: abort.signal }));
    await sees('hang');
    abort.abort();
    expect(await call).toMatchObject({ grpcCode: status.CANCELLED, maybeApplied: true });
    const late = await failureOf(get('late', { signal: abort.signal }));
    expect(late).toMatchObject({ grpcCode: status.CANCELLED, maybeApplied: false });
    expect(store.seen).not.toContain('late');
  });

  test('is refused, unsent, when there are too many', async () => {
    const calls = Array.from({ length: CALLS_MAX }, () => get('hang').catch((error: unknown) => error));
    await sees('hang');
    const error = await failureOf(get('one more'));
    expect(error).toMatchObject({ grpcCode: status.RESOURCE_EXHAUSTED, maybeApplied: false });
    rpc.close();
    const ended = await Promise.all(calls);
    expect(ended.every((each) => each instanceof RpcError)).toBe(true);
  });
});

describe('connections', () => {
  test('a store has two: large answers do not stand before small ones', async () => {
    const call = async (method: StoreMethod): Promise<void> => {
      const { channel } = {
        channel: channels.channel({ address: store.address, lane: lanes[method] ?? 'small' }),
      };
      await channel;
    };
    const lanes: Partial<Record<StoreMethod, 'large'>> = { KvScan: 'large', KvBatchGet: 'large' };
    await get('a');
    expect(channels.size).toBe(1);
    await Promise.all((['KvGet', 'KvScan', 'KvBatchGet', 'KvPrewrite'] as const).map(call));
    expect(channels.size).toBe(2);
  });

  test('are made again when the store comes back, soon', async () => {
    await get('a');
    store.server.forceShutdown();
    await failureOf(get('b'));
    store = await startStore(ServerCredentials.createInsecure(), store.address);
    await vi.waitFor(async () => expect(await get('c')).toBe('value of c'), PATIENCE_MS);
  });

  test('to an address that is dropped are closed, and its calls fail', async () => {
    const call = failureOf(get('hang'));
    await sees('hang');
    rpc.drop(store.address);
    expect(await call).toMatchObject({ maybeApplied: true });
    expect(channels.size).toBe(0);
    expect(await get('a')).toBe('value of a');
  });

  test('after close there are none', async () => {
    const call = failureOf(get('hang'));
    await sees('hang');
    rpc.close();
    await call;
    await expect(get('a')).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('TLS', () => {
  let directory: string;
  let authority: TestAuthority;
  let files: { ca: string; cert: string; key: string };

  /** What the client shows from now on. */
  async function show(issuer: TestAuthority): Promise<void> {
    const { certFile, keyFile } = await issuer.client();
    copyFileSync(certFile, files.cert);
    copyFileSync(keyFile, files.key);
  }

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'engram-tikv-tls-'));
    files = { ca: join(directory, 'ca'), cert: join(directory, 'cert'), key: join(directory, 'key') };
    authority = await TestAuthority.create();
    copyFileSync(authority.caFile, files.ca);
    await show(authority);
    const { certFile, keyFile } = await authority.server();
    const pair = { cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) };
    store.server.forceShutdown();
    store = await startStore(ServerCredentials.createSsl(Buffer.from(authority.ca), [pair], true));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  test('both sides show certificates', async () => {
    connect(await TlsCredentials.open(files, environment.clock));
    expect(await get('a')).toBe('value of a');
  });

  test.each([
    ['without TLS', undefined],
    ['without a certificate', ['ca']],
    ['that trusts another authority', ['cert', 'key']],
  ])('a client %s is not let in, and nothing was applied', async (_, names) => {
    if (names !== undefined) {
      const some = Object.fromEntries(names.map((name) => [name, files[name as keyof typeof files]]));
      connect(await TlsCredentials.open(some, environment.clock));
    }
    const error = await failureOf(get('a'));
    expect(error.grpcCode).toBe(status.UNAVAILABLE);
    expect(store.seen).toEqual([]);
  });

  test('files that have changed are taken over with the next connection', async () => {
    await show(await TestAuthority.create());
    connect(await TlsCredentials.open(files, environment.clock));
    await failureOf(get('a'));
    await show(authority);
    environment.jump(1000);
    await vi.waitFor(async () => expect(await get('a')).toBe('value of a'), PATIENCE_MS);
  });

  test('files in the middle of their exchange change nothing', async () => {
    connect(await TlsCredentials.open(files, environment.clock));
    writeFileSync(files.key, 'half a key');
    environment.jump(1000);
    expect(await get('a')).toBe('value of a');
  });

  test.each([
    ['a file that is missing', { ca: '/nowhere/ca.pem' }, /nowhere/],
    ['a certificate without its key', { cert: '/a' }, /needs its key/],
  ])('%s is refused at once', async (_, options, message) => {
    await expect(TlsCredentials.open(options, environment.clock)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(message) as string,
    });
  });
});
