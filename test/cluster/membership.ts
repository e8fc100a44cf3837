import assert from 'node:assert/strict';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, SecureClientSessionOptions } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '../etcd/protocol.ts';
import { Etcdctl } from '../kubernetes/etcdctl.ts';
import { TestAuthority } from '../support/certificates.ts';
import { EngramProcess } from '../support/engram.ts';
import { temporaryDirectory } from '../support/process.ts';
import { monotonicMs } from '../support/monotonic.ts';
import { eventually } from '../support/suite.ts';
import { longestGap, summary } from './load.ts';
import type { Nodes } from './nodes.ts';
import { told, underLoad } from './under-load.ts';

interface Member {
  /** Decimal. */
  readonly id: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

/** By their names; a server lists them by their ids. */
async function memberList(nodes: Nodes, at: number): Promise<readonly Member[]> {
  const message = await nodes.call(at, '/etcdserverpb.Cluster/MemberList', { linearizable: true });
  const members = (message['members'] as Message[]).map((member) => ({
    id: String(member['ID']),
    name: String(member['name']),
    peerURLs: member['peerURLs'] as string[],
    clientURLs: member['clientURLs'] as string[],
  }));
  return members.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every node names the same three, with the addresses at which clients reach them. */
export async function membersAreListed(nodes: Nodes, etcdctl: string): Promise<string> {
  await nodes.allUp();
  const expected = nodes.targets.map((target, at) => [`node-${at}`, [`http://${target}`]]);
  const lists = await eventually('all members on all nodes', 12_000, async () => {
    const found = await Promise.all(nodes.targets.map((_, at) => memberList(nodes, at)));
    return found.every(({ length }) => length === expected.length) ? found : undefined;
  });
  for (const list of lists) {
    assert.deepEqual(
      list.map(({ name, clientURLs }) => [name, clientURLs]),
      expected,
    );
    assert.deepEqual(list, lists[0]);
  }
  for (const [at, { id }] of lists[0]!.entries()) assert.equal((await nodes.status(at)).member, id);
  const printed = await new Etcdctl(etcdctl, nodes.targets.join(','), []).ok(['member', 'list']);
  assert.equal(printed.trim().split('\n').length, expected.length);
  // All endpoints are healthy, found by asking one of them.
  await new Etcdctl(etcdctl, nodes.targets[0]!, []).ok(['endpoint', 'health', '--cluster']);
  return lists[0]!.map(({ id, name }) => `${name} is ${BigInt(id).toString(16)}`).join(', ');
}

/** etcdctl moves the lead from node to node. */
export async function leaderMoves(nodes: Nodes, etcdctl: string, rounds: number): Promise<string> {
  const startsMs: number[] = [];
  const history = await underLoad(nodes, async () => {
    for (let round = 0; round < rounds; round++) {
      const from = await nodes.leader();
      const to = (from + 1) % nodes.targets.length;
      const { member } = await nodes.status(to);
      startsMs.push(monotonicMs());
      const ctl = new Etcdctl(etcdctl, nodes.targets[from]!, []);
      await ctl.ok(['move-leader', BigInt(member).toString(16)]);
      assert.equal(await nodes.leader(), to, 'another node than the one that was named leads');
      await nodes.agreed();
      await sleep(1500);
    }
  });
  const gaps = startsMs.map((ms) => longestGap(history, { fromMs: ms, toMs: ms + 1500 }));
  return `without an acknowledged write: ${summary(gaps)}; ${told(history)}`;
}

/** A node that comes with the name of one that lives does not start. */
export async function secondOfOneName(nodes: Nodes): Promise<string> {
  await nodes.allUp();
  const second = await EngramProcess.at(temporaryDirectory('second'));
  second.flags = nodes.flagsOf('node-1');
  const running = second.launch();
  const code = await Promise.race([running.exited, sleep(15_000).then(() => undefined)]);
  await running.stop('SIGKILL');
  assert.ok(code !== undefined && code !== 0, `it ended with ${code}: ${second.log()}`);
  const told = second.log();
  assert.match(told, /node-1/);
  await nodes.agreed();
  return `exit ${code}`;
}

/** Nothing answers at a peer address without a certificate of the peers' authority. */
export async function peersNeedCertificates(nodes: Nodes): Promise<string> {
  const { tls } = nodes;
  assert.ok(tls !== undefined, 'the nodes have no certificates');
  await nodes.allUp();
  const [first] = await memberList(nodes, 0);
  const url = first?.peerURLs[0] ?? '';
  assert.match(url, /^https:/);
  const { ca } = tls.authority;
  const { certificate: cert, key } = tls.certificate;
  const other = await (await TestAuthority.create('another authority')).client();
  assert.equal(await asks(url, { ca, cert, key }), 'answered', 'a peer is not served');
  const refused = {
    'without TLS': await asks(url.replace('https:', 'http:'), {}),
    'without a certificate': await asks(url, { ca }),
    'with one of another authority': await asks(url, { ca, cert: other.certificate, key: other.key }),
  };
  for (const [how, result] of Object.entries(refused)) assert.match(result, /^refused/, `${how}: ${result}`);
  return Object.entries(refused)
    .map(([how, result]) => `${how}: ${result}`)
    .join('; ');
}

/** Opens a link to a peer address. `answered`: there was an answer of HTTP, whatever it said. */
async function asks(url: string, options: SecureClientSessionOptions): Promise<string> {
  return await new Promise((resolve) => {
    const session: ClientHttp2Session = connectHttp2(url, options);
    const end = (result: string): void => {
      session.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => end('refused: no answer'), 3000);
    timer.unref();
    session.on('error', (error: Error) => end(`refused: ${error.message.trim()}`));
    session.on('close', () => end('refused: closed'));
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/engram.Peer/Link',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', (error: Error) => end(`refused: ${error.message.trim()}`));
    stream.on('response', () => end('answered'));
    // What is no message must be answered: by a status, or by the end of the stream.
    stream.end(Buffer.from([0, 0, 0, 0, 1, 0xff]));
  });
}
