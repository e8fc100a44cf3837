import type { Family, Probe } from './probe.ts';

const A = { key: Buffer.from('a') };

/** Paths that nobody serves, in gRPC for Go's words. */
async function unknown(probe: Probe): Promise<void> {
  for (const path of [
    '/etcdserverpb.KV/Nothing',
    '/etcdserverpb.Nothing/Range',
    '/nothing',
    '/',
    '/a/b/c',
    '/etcdserverpb.KV/range',
    '/etcdserverpb.KV/',
    '/etcdserverpb.KV/Range/',
    '/etcdserverpb.Watch/Watches',
  ])
    // prettier-ignore
    probe.note(path, (await probe.unary(path, Buffer.alloc(0))).error);
}

/** Methods called as another kind than they are. */
async function kinds(probe: Probe): Promise<void> {
  const alive = await probe.unary('/etcdserverpb.Lease/LeaseKeepAlive', Buffer.from([8, 7]));
  probe.note('keep alive as a unary call', alive.error ?? 'answered');
  if (probe.older) return;
  const { error } = await probe.unary('/etcdserverpb.KV/RangeStream', Buffer.from([10, 1, 97]));
  probe.note('a server stream as a unary call', error ?? 'answered');
}

async function headers(probe: Probe): Promise<void> {
  for (const version of ['3.7', '', 'nonsense', '99.99', '\xff', '\xc3\x28', 'a\xc3\xa9', 'x'.repeat(3000)]) {
    const metadata = { 'client-api-version': version };
    const name = JSON.stringify(version).slice(0, 30);
    try {
      const { error } = await probe.call('KV.Range', A, { metadata });
      probe.note(`client-api-version ${name}`, error ?? 'served');
    } catch {
      continue; // The client does not send such a header.
    }
  }
  for (const leader of ['true', 'false', '', 'TRUE']) {
    const { error } = await probe.call('KV.Range', A, { metadata: { hasleader: leader } });
    probe.note(`hasleader ${leader}`, error ?? 'served');
    const watch = probe.open('Watch.Watch', { hasleader: leader, source: 'cache' });
    await watch.send({ create_request: A }).expect(`watch with hasleader ${leader}`, 1, 20);
    watch.cancel();
  }
  for (const token of ['x', '', 'a.b']) {
    const { error } = await probe.call('KV.Range', A, { metadata: { token, authorization: token } });
    probe.note(`token ${token}`, error ?? 'served');
  }
}

async function deadlines(probe: Probe): Promise<void> {
  for (const deadlineMs of [-1, 0]) {
    const { error } = await probe.call('KV.Range', A, { deadlineMs });
    probe.note(`deadline of ${deadlineMs} ms`, error?.code);
  }
  for (const timeout of ['1n', '0m', '5000m', 'x', '999999999m', '1H', '-1m']) {
    const { error } = await probe.call('KV.Range', A, { metadata: { 'grpc-timeout': timeout } });
    probe.note(`timeout ${timeout}`, error === undefined ? 'served' : 'refused');
  }
}

/** Answers whose numbers are the server's own matter: which fields there are. */
async function shapes(probe: Probe): Promise<void> {
  await probe.call('KV.Put', { ...A, value: Buffer.from('1') });
  const { message: status } = await probe.call('Maintenance.Status');
  const own = ['version', 'dbSize', 'leader', 'raftIndex', 'raftTerm', 'raftAppliedIndex', 'dbSizeInUse'];
  const masked = ['storageVersion', 'dbSizeQuota'];
  for (const name of [...own, ...masked]) status[name] = Number.parseFloat(String(status[name])) > 0;
  if (probe.older) status['version'] = status['storageVersion'] = true;
  probe.note('Status', status);
  for (const linearizable of [true, false]) {
    const { message } = await probe.call('Cluster.MemberList', { linearizable });
    const members = (message['members'] as Record<string, unknown>[]).map((member) => ({
      ...member,
      ID: member['ID'] !== '0',
      clientURLs: (member['clientURLs'] as string[]).map((url) => url.replace(/\d+$/, 'PORT')),
      peerURLs: 'masked',
    }));
    probe.note('MemberList', { ...message, members });
  }
  for (const name of ['MemberRemove', 'MemberUpdate', 'MemberPromote'])
    for (const ID of ['0', '5', '18446744073709551615']) await probe.ask(`Cluster.${name}`, { ID });
  const member = ((await probe.call('Cluster.MemberList')).message['members'] as { ID: string }[])[0]!.ID;
  for (const [name, message] of [
    ['Cluster.MemberPromote', { ID: member }], ['Maintenance.MoveLeader', { targetID: 5 }],
    ['Maintenance.MoveLeader', {}], ['Maintenance.MoveLeader', { targetID: member }],
    ['Cluster.MemberAdd', {}], ['Cluster.MemberAdd', { peerURLs: ['nonsense'] }],
    ['Cluster.MemberAdd', { peerURLs: ['http://127.0.0.1'] }], ['Cluster.MemberAdd', { peerURLs: ['http://127.0.0.1:1/x'] }],
    ['Cluster.MemberAdd', { peerURLs: ['ftp://127.0.0.1:1'] }], ['Maintenance.Downgrade', { action: 7, version: '3.5.0' }],
    ['Maintenance.Downgrade', { action: 0, version: 'x' }], ['Maintenance.Downgrade', { action: 0, version: '' }],
    ['Maintenance.Downgrade', { action: 1, version: '3.9.0' }], ['Maintenance.Downgrade', { action: 0, version: '3.3.0' }],
    ['Maintenance.Downgrade', { action: 2 }], ['Maintenance.Downgrade', { action: 0, version: '99.0' }],
    ...[
      '3', '3.9', '3.9.', '3.9.1.2', '3.9.x', 'v3.9.0', ' 3.9', '-3.9', '3.09', '3.9.0-', '3.9.0+', '3.9-rc', '3.9.0-rc.1',
      '3.9.0-rc..1', '3.9.0+m', '3.9.0-a-b.c+d.e', '3.9.0+m-n', '3.9.0-ä', '3.9223372036854775808', '3.9.9223372036854775807',
    ].flatMap((version) => [0, 1].map((action) => ['Maintenance.Downgrade', { action, version }] as const)),
  ] as const) {
    const { error, message: answer } = await probe.call(name, message);
    // 3.6 tells its own version.
    if (answer['version'] !== undefined) answer['version'] = typeof answer['version'];
    probe.note(`${name} ${JSON.stringify(message).replace(member, 'SELF')}`, error ?? answer);
  } // prettier-ignore
  await probe.ask('Maintenance.Defragment');
  const { message: hash } = await probe.call('Maintenance.Hash');
  probe.note('Hash', { ...hash, hash: 'masked' });
}

export const calls: Family = { name: 'calls', scenarios: { unknown, kinds, headers, deadlines, shapes } };
