/** Goal: the peer port is there exactly where the settings have one, and told as it can be reached. */
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { readSettings } from '../config/index.ts';
import { TestAuthority } from '../../test/support/certificates.ts';
import { mutualTls, nodeCertificate, TestPeer, until } from '../../test/support/peers.ts';
import { freePort } from '../../test/support/process.ts';
import { PortError } from './listeners.ts';
import { openPeerNetwork } from './peer-network.ts';
import { NodeClock, NodeScheduler } from './runtime.ts';

const peers: TestPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.close();
});

async function peer(...flags: string[]): Promise<TestPeer> {
  const started = await TestPeer.start(...flags);
  peers.push(started);
  return started;
}

test('an engine of this process alone has no peers', async () => {
  const { settings } = await readSettings({ args: ['--engine=memory'], environment: {} });
  const parts = { clock: new NodeClock(), scheduler: new NodeScheduler(), logger: silentLogger };
  expect(await openPeerNetwork(settings, { ...parts, onFault: () => undefined })).toBeUndefined();
});

test('what is listened on is advertised with its real port, unless something else is said', async () => {
  const { open } = await peer();
  expect(open.listenUrls).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)]);
  expect(open.peerUrls).toEqual(open.listenUrls);
  const told = await peer('--initial-advertise-peer-urls=http://a.example:2380,http://b.example:2380');
  expect(told.open.peerUrls).toEqual(['http://a.example:2380', 'http://b.example:2380']);
  expect(told.warnings).toEqual([]);
});

test('where every address is listened on, the one to connect to is guessed with a warning, and works', async () => {
  const leader = (await peer('--listen-peer-urls=http://0.0.0.0:0')).accept();
  expect(leader.open.peerUrls[0]).not.toContain('0.0.0.0');
  expect(leader.warnings.join()).toContain('--initial-advertise-peer-urls');
  const { link } = (await peer()).connect(...leader.open.peerUrls, `http://127.0.0.1:${leader.port}`);
  link.send({ kind: 'readIndex', id: 1 });
  await until('the link', () => leader.accepted[0]?.messages.length === 1);
});

test('a certificate that others will refuse is told of at the start', async () => {
  const authority = await TestAuthority.create();
  const flags = mutualTls(authority, await nodeCertificate(authority, 'node'));
  expect((await peer(...flags)).warnings).toEqual([]);
  const { warnings } = await peer(...flags, '--initial-advertise-peer-urls=https://10.0.0.1:2380');
  expect(warnings).toEqual([expect.stringMatching(/other nodes will refuse.*10\.0\.0\.1/)]);
});

test('a port that is taken is told with the flag that chooses another, and the others are given back', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const port = await freePort();
  const urls = `http://127.0.0.1:${port},http://127.0.0.1:${(taken.address() as AddressInfo).port}`;
  const error: unknown = await TestPeer.start(`--listen-peer-urls=${urls}`).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(PortError);
  expect((error as PortError).message).toContain('choose another with --listen-peer-urls');
  await peer(`--listen-peer-urls=http://127.0.0.1:${port}`);
  taken.close();
});

test('closing cuts every link and gives the port back', async () => {
  // One that the system gives to nobody else before it is opened again.
  const leader = await TestPeer.start(`--listen-peer-urls=http://127.0.0.1:${await freePort()}`);
  leader.accept();
  const follower = await peer();
  const { link, sink } = follower.connect(leader.url);
  link.send({ kind: 'readIndex', id: 1 });
  await until('the link', () => leader.accepted[0]?.messages.length === 1);
  await leader.close();
  await until('the end', () => sink.ends === 1);
  await peer(`--listen-peer-urls=${leader.url}`);
  // Nothing can be opened any more.
  const after = leader.connect(follower.url);
  await until('the end', () => after.sink.ends === 1);
});
