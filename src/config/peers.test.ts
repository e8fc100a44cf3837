/** Goal: the settings of the traffic between servers, and every way in which they make no sense. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from './errors.ts';
import { readSettings } from './settings.ts';

const TIKV = ['--engine=tikv', '--tikv-pd=pd-1:2379'];
const HTTPS = '--listen-peer-urls=https://10.0.0.1:2380';
const PAIR = ['--peer-cert-file=/p.pem', '--peer-key-file=/p-key.pem'];
const CA = '--peer-trusted-ca-file=/ca.pem';

function read(...args: string[]): ReturnType<typeof readSettings> {
  return readSettings({ args, environment: {} });
}

async function refusal(...args: string[]): Promise<string> {
  const error: unknown = await read(...args).catch((caught: unknown) => caught);
  if (!(error instanceof ConfigError)) throw new Error(`nothing was refused: ${JSON.stringify(error)}`);
  return error.message;
}

describe('with a shared engine', () => {
  test("the default is etcd's port on localhost, in plain text", async () => {
    const { settings, warnings } = await read(...TIKV);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      ...{ listenPeerUrls: ['http://localhost:2380'], leaderLease: 800, linearizableReads: 'lease' },
      ...{ peerClientCertAuth: false, peerAutoTls: false, peerCertAllowedCn: [] },
    });
    expect(settings.initialAdvertisePeerUrls).toBeUndefined();
    expect(settings.peerCertFile).toBeUndefined();
  });

  test('takes the flags of etcd', async () => {
    const { settings, warnings } = await read(
      ...[...TIKV, HTTPS, ...PAIR, CA, '--peer-client-cert-auth', '--peer-cert-allowed-cn=engram'],
      ...['--initial-advertise-peer-urls=https://node-1:2380', '--peer-crl-file=/crl.pem'],
      ...['--peer-client-cert-file=/c.pem', '--peer-client-key-file=/c-key.pem'],
      ...['--leader-lease=2s', '--linearizable-reads=engine'],
    );
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      ...{ listenPeerUrls: ['https://10.0.0.1:2380'], initialAdvertisePeerUrls: ['https://node-1:2380'] },
      ...{ peerCertFile: '/p.pem', peerKeyFile: '/p-key.pem', peerTrustedCaFile: '/ca.pem' },
      ...{ peerClientCertAuth: true, peerCrlFile: '/crl.pem', peerCertAllowedCn: ['engram'] },
      ...{ peerClientCertFile: '/c.pem', peerClientKeyFile: '/c-key.pem' },
      ...{ leaderLease: 2000, linearizableReads: 'engine' },
    });
  });

  test("takes the block of etcd's config file", async () => {
    const directory = mkdtempSync(join(tmpdir(), 'engram-peers-'));
    const file = join(directory, 'a.yaml');
    writeFileSync(
      file,
      [
        'engine: tikv\ntikv-pd: pd-1:2379\nlisten-peer-urls: https://10.0.0.1:2380',
        'peer-transport-security:',
        '  cert-file: /p.pem\n  key-file: /p-key.pem\n  client-cert-auth: true\n  trusted-ca-file: /ca.pem',
        '  auto-tls: false\n  allowed-hostname: [a.example]\n  skip-client-san-verification: true',
      ].join('\n'),
    );
    const { settings, warnings } = await read(`--config-file=${file}`);
    rmSync(directory, { recursive: true });
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      ...{ peerCertFile: '/p.pem', peerKeyFile: '/p-key.pem', peerTrustedCaFile: '/ca.pem' },
      ...{ peerClientCertAuth: true, peerCertAllowedHostname: ['a.example'], certFile: undefined },
    });
  });

  test.each([
    [[HTTPS], 'https://10.0.0.1:2380 needs --peer-cert-file and --peer-key-file, or --peer-auto-tls'],
    [[HTTPS, PAIR[0]!], '--peer-cert-file needs --peer-key-file'],
    [[HTTPS, PAIR[1]!], '--peer-key-file needs --peer-cert-file'],
    [[HTTPS, ...PAIR, '--peer-client-cert-file=/c'], 'need one another'],
    [[HTTPS, ...PAIR, '--peer-client-key-file=/c'], 'need one another'],
    [[HTTPS, ...PAIR, '--peer-client-cert-auth'], '--peer-client-cert-auth needs --peer-trusted-ca-file'],
    [[HTTPS, ...PAIR, '--peer-crl-file=/c'], '--peer-crl-file needs --peer-trusted-ca-file'],
    [[HTTPS, ...PAIR, '--peer-cert-allowed-cn=a'], '--peer-cert-allowed-cn needs --peer-trusted-ca-file'],
    [[HTTPS, ...PAIR, '--peer-cert-allowed-hostname=a'], '--peer-cert-allowed-hostname needs'],
    [
      [HTTPS, ...PAIR, CA, '--peer-cert-allowed-cn=a', '--peer-cert-allowed-hostname=a'],
      'exclude each other',
    ],
    [[HTTPS, '--peer-auto-tls', CA], '--peer-trusted-ca-file needs --peer-cert-file'],
    [[...PAIR, CA], 'http://localhost:2380 in --listen-peer-urls must be https://'],
    [['--listen-peer-urls=unix:///run/engram'], '--listen-peer-urls must be http:// or https:// URLs'],
    [['--initial-advertise-peer-urls=unix:///a'], '--initial-advertise-peer-urls must be http://'],
    [['--initial-advertise-peer-urls=http://a:0'], 'needs a real port'],
    [['--initial-advertise-peer-urls=http://0.0.0.0:2380'], 'must name an address that other nodes can'],
    [['--initial-advertise-peer-urls=http://[::]:2380'], 'must name an address that other nodes can'],
    [['--leader-lease=199ms'], '--leader-lease must be at least 200ms'],
    [['--leader-lease=61s'], '--leader-lease must be at most 60000ms'],
    [['--linearizable-reads=raft'], '--linearizable-reads must be one of lease, engine'],
  ])('%j is refused', async (args, message) => {
    expect(await refusal(...TIKV, ...args)).toContain(message);
  });

  test('clients that are told of every address are warned of, as etcd lets it pass', async () => {
    const urls = '--advertise-client-urls=http://0.0.0.0:2379,http://10.0.0.1:2379,unix:///run/engram';
    expect((await read(...TIKV, urls)).warnings).toEqual([
      'http://0.0.0.0:2379 in --advertise-client-urls is nothing that clients can connect to',
    ]);
  });

  test('plain text beside a certificate is warned of', async () => {
    const { warnings } = await read(...TIKV, ...PAIR, '--peer-auto-tls');
    expect(warnings).toEqual([
      '--peer-auto-tls is ignored, because --peer-cert-file is given',
      'http://localhost:2380 is served in plain text, although --peer-cert-file is given',
    ]);
  });
});

describe('with an engine of this process alone', () => {
  test('there are no peers, and no port for them', async () => {
    expect((await read()).settings.listenPeerUrls).toEqual([]);
  });

  test('what is for peers is ignored with one warning, as in a command line for etcd', async () => {
    const { settings, warnings } = await read(
      HTTPS,
      ...PAIR,
      CA,
      '--peer-client-cert-auth',
      '--engine=memory',
    );
    expect(settings.listenPeerUrls).toEqual([]);
    expect(warnings).toEqual([
      '--listen-peer-urls, --peer-cert-file, --peer-key-file, --peer-trusted-ca-file, --peer-client-cert-auth are ' +
        'ignored, because the engine is memory',
    ]);
    expect((await read('--peer-auto-tls')).warnings).toEqual([
      '--peer-auto-tls is ignored, because the engine is level',
    ]);
  });
});
