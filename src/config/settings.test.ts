/** Goal: every rule of the command line. Method: argument lists, variables and files in; settings, warnings or the error out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from './errors.ts';
import { FOREIGN_FLAGS } from './foreign-flags.ts';
import { describeSettings } from './help.ts';
import { defaultQuotaBytes } from './quota.ts';
import { environmentName, SCHEMA } from './schema.ts';
import { readSettings } from './settings.ts';

async function read(
  args: string[],
  environment: Record<string, string> = {},
): ReturnType<typeof readSettings> {
  return readSettings({ args, environment });
}

async function refusal(args: string[], environment: Record<string, string> = {}): Promise<ConfigError> {
  const error: unknown = await read(args, environment).catch((caught: unknown) => caught);
  if (!(error instanceof ConfigError)) throw new Error(`nothing was refused: ${JSON.stringify(error)}`);
  return error;
}

describe('flags', () => {
  test('have the documented defaults', async () => {
    const { settings, warnings } = await read([]);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      name: 'default',
      engine: 'level',
      keyspace: 'default',
      listenClientUrls: ['http://127.0.0.1:2379'],
      listenMetricsUrls: undefined,
      maxRequestBytes: 1572864,
      maxTxnOps: 128,
      maxConcurrentStreams: 16384,
      maxWatchersPerStream: 100000,
      autoCompaction: { mode: 'off' },
      watchProgressNotifyInterval: 600_000,
      unsafeNoFsync: false,
      logLevel: 'info',
      logFormat: undefined,
      quotaBackendBytes: defaultQuotaBytes(),
    });
  });

  test.each([[['--name=n1']], [['--name', 'n1']], [['-name=n1']], [['-name', 'n1']]])('%j', async (args) => {
    expect((await read(args)).settings.name).toBe('n1');
  });

  test('a value may hold an equals sign', async () => {
    expect((await read(['--data-dir=a=b'])).settings.dataDir).toBe('a=b');
  });

  test('boolean ones take a value only after an equals sign', async () => {
    expect((await read(['--unsafe-no-fsync', '--name=x'])).settings).toMatchObject({
      unsafeNoFsync: true,
      name: 'x',
    });
    expect((await read(['--unsafe-no-fsync=false'])).settings.unsafeNoFsync).toBe(false);
    expect((await refusal(['--unsafe-no-fsync', 'true'])).code).toBe('unexpectedArgument');
    expect((await refusal(['--unsafe-no-fsync=maybe'])).message).toContain('must be true or false');
  });

  test('the same value twice is one', async () => {
    const args = ['--name=a', '--unsafe-no-fsync', '--name', 'a', '--unsafe-no-fsync=true'];
    expect((await read(args)).settings).toMatchObject({ name: 'a', unsafeNoFsync: true });
  });

  test('other repeats, unknown ones and missing values are refused', async () => {
    expect((await refusal(['--name=a', '--name=b'])).code).toBe('repeatedFlag');
    expect((await refusal(['--name=a', '--name=b'])).message).toContain('as a and as b');
    expect((await refusal(['--name'])).code).toBe('missingValue');
    const unknown = await refusal(['--listen-client-url=http://127.0.0.1:1']);
    expect(unknown.code).toBe('unknownFlag');
    expect(unknown.message).toContain('did you mean --listen-client-urls?');
    expect((await refusal(['--qouta-backend-bytes=1'])).message).toContain(
      'did you mean --quota-backend-bytes?',
    );
    expect((await refusal(['--xyzzy-plugh'])).message).toContain('--help');
    expect((await refusal(['stray'])).code).toBe('unexpectedArgument');
  });

  test('beat variables, which beat the file, which beats the default', async () => {
    const file = write('order.yaml', 'name: file\nmax-txn-ops: 1\nmax-request-bytes: 1000\n');
    const { settings } = await read([`--config-file=${file}`, '--name=flag'], {
      ENGRAM_NAME: 'variable',
      ENGRAM_MAX_TXN_OPS: '2',
    });
    expect(settings).toMatchObject({ name: 'flag', maxTxnOps: 2, maxRequestBytes: 1000, engine: 'level' });
  });
});

describe('flags of etcd', () => {
  test('without meaning are accepted with one warning each', async () => {
    const args = [
      '--initial-cluster=a=http://1.2.3.4:2380',
      '--snapshot-count',
      '10',
      '--pre-vote',
      '--name=x',
    ];
    const { settings, warnings } = await read([...args, '--snapshot-count=11']);
    expect(settings.name).toBe('x');
    expect(warnings).toEqual([
      '--initial-cluster has no meaning here and is ignored',
      '--snapshot-count has no meaning here and is ignored',
      '--pre-vote has no meaning here and is ignored',
    ]);
  });

  test('are all known, and none is also a setting', () => {
    const own = new Set<string>(Object.values(SCHEMA).map((row) => row.flag));
    expect([...FOREIGN_FLAGS.keys()].filter((flag) => own.has(flag))).toEqual([]);
    expect(FOREIGN_FLAGS.size + own.size).toBeGreaterThan(140);
  });

  test("kubeadm's old name of the progress interval works", async () => {
    const { settings, warnings } = await read(['--experimental-watch-progress-notify-interval=5s']);
    expect(settings.watchProgressNotifyInterval).toBe(5000);
    expect(warnings).toHaveLength(1);
  });
});

describe('variables', () => {
  test('of etcd are warned of, once', async () => {
    const { warnings } = await read([], { ETCD_NAME: 'a', ETCD_DATA_DIR: 'b', HOME: '/' });
    expect(warnings).toEqual(['ETCD_ variables are not read, use ENGRAM_ ones: ETCD_DATA_DIR, ETCD_NAME']);
  });

  test('that are misspelt are refused', async () => {
    expect((await refusal([], { ENGRAM_DATA_DIRS: 'x' })).message).toContain('did you mean ENGRAM_DATA_DIR?');
    expect((await read([], { ENGRAM_TOOLS: '/t' })).warnings).toEqual([]);
  });

  test.each([
    ['ENGRAM_SERVICE_HOST', '10.0.0.1'],
    ['ENGRAM_SERVICE_PORT', '2379'],
    ['ENGRAM_SERVICE_PORT_CLIENT', '2379'],
    ['ENGRAM_PORT', 'tcp://10.0.0.1:2379'],
    ['ENGRAM_PORT_2379_TCP', 'tcp://10.0.0.1:2379'],
    ['ENGRAM_PORT_2379_TCP_PROTO', 'tcp'],
    ['ENGRAM_PORT_2379_TCP_PORT', '2379'],
    ['ENGRAM_PORT_2379_TCP_ADDR', '10.0.0.1'],
    ['ENGRAM_PORT_53_UDP', 'udp://[fd00::1]:53'],
    ['ENGRAM_CLIENT_SERVICE_HOST', '10.0.0.1'],
    ['ENGRAM_CLIENT_2_SERVICE_PORT_HTTPS_METRICS', '2381'],
    ['ENGRAM_CLIENT_PORT', 'tcp://10.0.0.1:2379'],
    ['ENGRAM_CLIENT_PORT_2379_TCP_ADDR', '10.0.0.1'],
  ])('that Kubernetes sets for services are not meant for the server: %s', async (variable, value) => {
    const { settings, warnings } = await read([], { [variable]: value, ENGRAM_NAME: 'n1' });
    expect(settings.name).toBe('n1');
    expect(warnings).toEqual([]);
  });

  test.each([
    ['ENGRAM_PORT', '2379'],
    ['ENGRAM_LISTEN_PORT', '2379'],
    ['ENGRAM_SERVICE', 'x'],
    ['ENGRAM_PORTS', 'tcp://10.0.0.1:2379'],
    ['ENGRAM_PORT_2379', '2379'],
  ])('that only look like those are refused: %s=%s', async (variable, value) => {
    expect((await refusal([], { [variable]: value })).message).toContain(`Unknown variable ${variable}`);
  });

  test('of no setting look like those of a service', () => {
    const variables = Object.values(SCHEMA).map((row) => environmentName(row.flag));
    expect(variables.filter((name) => /_(SERVICE|PORT)(_|$)/.test(name))).toEqual([]);
  });

  test('are named when their value is wrong', async () => {
    expect((await refusal([], { ENGRAM_MAX_TXN_OPS: 'x' })).message).toBe(
      'ENGRAM_MAX_TXN_OPS must be a whole number, not "x"',
    );
  });
});

describe('values', () => {
  test.each([
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['100ms', 100],
    // As in etcd, whose flag says so by default.
    ['0s', 600_000],
  ])('a duration of %s', async (text, expected) => {
    expect(
      (await read([`--watch-progress-notify-interval=${text}`])).settings.watchProgressNotifyInterval,
    ).toBe(expected);
  });

  test.each(['10', '5 m', 'm', '-1s', '99ms', '1d', ''])('a duration of "%s" is refused', async (text) => {
    expect((await refusal([`--watch-progress-notify-interval=${text}`])).code).toBe('invalidValue');
  });

  test.each([
    ['periodic', '1', { mode: 'periodic', retentionMs: 3_600_000 }],
    ['periodic', '5m', { mode: 'periodic', retentionMs: 300_000 }],
    ['periodic', '0', { mode: 'off' }],
    ['revision', '1000', { mode: 'revision', retentionRevisions: 1000 }],
    ['revision', '0', { mode: 'off' }],
  ])('automatic compaction %s %s', async (mode, retention, expected) => {
    const { settings } = await read([
      `--auto-compaction-mode=${mode}`,
      `--auto-compaction-retention=${retention}`,
    ]);
    expect(settings.autoCompaction).toEqual(expected);
  });

  test.each([
    ['periodic', '-1h'],
    ['revision', '5m'],
    ['revision', '-1'],
    ['hourly', '1'],
  ])('automatic compaction %s %s is refused', async (mode, retention) => {
    const args = [`--auto-compaction-mode=${mode}`, `--auto-compaction-retention=${retention}`];
    expect((await refusal(args)).code).toBe('invalidValue');
  });

  test('sizes take a unit; a quota of 0 is the default and a negative one is none', async () => {
    expect((await read(['--quota-backend-bytes=8GiB'])).settings.quotaBackendBytes).toBe(8 * 2 ** 30);
    expect((await read(['--quota-backend-bytes=-1'])).settings.quotaBackendBytes).toBe(Infinity);
    expect((await refusal(['--quota-backend-bytes=8GB'])).code).toBe('invalidValue');
    expect((await refusal(['--max-request-bytes=0'])).message).toBe(
      '--max-request-bytes must be at least 1, not 0',
    );
  });

  test.each([
    '127.0.0.1:2379',
    'http://127.0.0.1',
    'http://a:1/path',
    'unix://',
    'http://a:1,http://a:1',
    '',
  ])('client URLs of "%s" are refused', async (text) => {
    expect((await refusal([`--listen-client-urls=${text}`])).code).toBe('invalidValue');
  });

  test('several URLs, IPv6 too', async () => {
    const { settings } = await read(['--listen-client-urls=http://127.0.0.1:0,http://[::1]:0']);
    expect(settings.listenClientUrls).toEqual(['http://127.0.0.1:0', 'http://[::1]:0']);
    const sockets = ['unix:///run/engram', 'unix://localhost:m0'];
    expect((await read([`--listen-client-urls=${sockets.join()}`])).settings.listenClientUrls).toEqual(
      sockets,
    );
    expect((await refusal(['--listen-client-urls=unixs:///run/engram'])).message).toContain('--cert-file');
  });

  test('who may use HTTP: all, unless origins and hosts are named', async () => {
    expect((await read([])).settings).toMatchObject({ cors: ['*'], hostWhitelist: ['*'] });
    const args = ['--cors=https://a.example, http://b.example:8080', '--host-whitelist=a,b'];
    expect((await read(args)).settings).toMatchObject({
      cors: ['https://a.example', 'http://b.example:8080'],
      hostWhitelist: ['a', 'b'],
    });
    const none = (await read(['--cors=', '--host-whitelist=', '--enable-grpc-gateway=false'])).settings;
    expect(none).toMatchObject({ cors: [], hostWhitelist: [], enableGrpcGateway: false });
    for (const origin of ['example.com', 'http://a.example/', 'ftp://a', 'http://']) {
      expect((await refusal([`--cors=${origin}`])).message).toContain('must be * or origins');
    }
  });

  test('a keyspace cannot leave its place in the keys', async () => {
    expect((await refusal(['--keyspace=a/b'])).code).toBe('invalidValue');
  });
});

describe('the config file', () => {
  test('may be JSON, holds lists, and durations in nanoseconds as in etcd', async () => {
    const file = write(
      'a.json',
      JSON.stringify({
        'listen-client-urls': ['http://127.0.0.1:0', 'http://[::1]:0'],
        'watch-progress-notify-interval': 5_000_000_000,
        'unsafe-no-fsync': true,
        'heartbeat-interval': 100,
      }),
    );
    const { settings, warnings } = await read(['--config-file', file]);
    expect(settings).toMatchObject({ watchProgressNotifyInterval: 5000, unsafeNoFsync: true });
    expect(settings.listenClientUrls).toHaveLength(2);
    expect(warnings).toHaveLength(1);
  });

  test('is refused when it cannot be read, holds nothing useful, or unknown keys', async () => {
    expect((await refusal([`--config-file=${directory}/none.yaml`])).code).toBe('unreadableFile');
    expect((await refusal([`--config-file=${write('b.yaml', 'a: [')}`])).code).toBe('unreadableFile');
    expect((await refusal([`--config-file=${write('c.yaml', '- a')}`])).code).toBe('unreadableFile');
    expect((await refusal([`--config-file=${write('d.yaml', 'nmae: x')}`])).message).toContain(
      'did you mean --name?',
    );
    expect((await refusal([`--config-file=${write('e.yaml', 'name: {}')}`])).code).toBe('invalidValue');
    const tls = write('f.yaml', 'client-transport-security: a\n');
    expect((await refusal([`--config-file=${tls}`])).code).toBe('unreadableFile');
    const unknown = write('g.yaml', 'client-transport-security:\n  name: a\n');
    expect((await refusal([`--config-file=${unknown}`])).code).toBe('unknownFlag');
    const twice = write('h.yaml', 'cert-file: a\nclient-transport-security: {cert-file: b}\n');
    expect((await refusal([`--config-file=${twice}`])).code).toBe('repeatedFlag');
  });
});

describe('TLS', () => {
  const pair = ['--cert-file=/c.pem', '--key-file=/k.pem'];
  const https = '--listen-client-urls=https://127.0.0.1:2379';

  test('is off by default, and empty values leave it off', async () => {
    const off = [
      '--cert-file=',
      '--key-file',
      '',
      '--client-cert-auth=false',
      '--tls-max-version=',
      '--cipher-suites=',
    ];
    const { settings, warnings } = await read(off);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      ...{ certFile: undefined, keyFile: undefined, trustedCaFile: undefined, clientCertAuth: false },
      ...{ cipherSuites: [], tlsMinVersion: 'TLS1.2', tlsMaxVersion: undefined, autoTls: false },
      selfSignedCertValidity: 1,
    });
  });

  test('takes the flags of etcd', async () => {
    const { settings, warnings } = await read([
      ...[https, ...pair, '--trusted-ca-file=/ca.pem', '--client-cert-auth', '--client-crl-file=/crl.der'],
      ...['--client-cert-allowed-hostname=a.example,10.0.0.1', '--tls-max-version=TLS1.3'],
      '--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA',
    ]);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      ...{ certFile: '/c.pem', keyFile: '/k.pem', trustedCaFile: '/ca.pem', clientCrlFile: '/crl.der' },
      clientCertAllowedHostname: ['a.example', '10.0.0.1'],
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA'],
    });
  });

  test("takes the block of etcd's config file", async () => {
    const file = write(
      'tls.yaml',
      [
        'listen-client-urls: https://127.0.0.1:2379',
        'client-transport-security:',
        '  cert-file: /c.pem',
        '  key-file: /k.pem',
        '  client-cert-auth: true',
        '  trusted-ca-file: /ca.pem',
        '  auto-tls: false',
        '  allowed-cn: [alice, bob]',
        '  skip-client-san-verification: true',
        'cipher-suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]',
        'tls-min-version: TLS1.2',
        'grpc-keepalive-interval: 1000000000',
      ].join('\n'),
    );
    const { settings, warnings } = await read([`--config-file=${file}`]);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      ...{ certFile: '/c.pem', keyFile: '/k.pem', clientCertAuth: true, trustedCaFile: '/ca.pem' },
      ...{ clientCertAllowedCn: ['alice', 'bob'], grpcKeepaliveInterval: 1000 },
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    });
  });

  test.each([
    [[pair[0]!], '--cert-file needs --key-file'],
    [[pair[1]!], '--key-file needs --cert-file'],
    [[https], 'https://127.0.0.1:2379 needs --cert-file and --key-file, or --auto-tls'],
    [['--listen-metrics-urls=https://a:1'], 'https://a:1 needs --cert-file and --key-file, or --auto-tls'],
    [
      ['--listen-client-http-urls=HTTPS://a:1'],
      'HTTPS://a:1 needs --cert-file and --key-file, or --auto-tls',
    ],
    [[https, ...pair, '--client-cert-auth'], '--client-cert-auth needs --trusted-ca-file'],
    [[https, ...pair, '--client-crl-file=/c'], '--client-crl-file needs --trusted-ca-file'],
    [[https, '--auto-tls', '--client-cert-allowed-cn=a'], '--client-cert-allowed-cn needs --trusted-ca-file'],
    [[https, ...pair, '--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'], 'is greater than'],
    [[https, ...pair, '--tls-min-version=TLS1.3', '--cipher-suites=x'], 'cannot be chosen'],
    [[https, ...pair, '--tls-min-version=TLS1.1'], 'must be one of TLS1.2, TLS1.3'],
    [['--self-signed-cert-validity=0'], 'must be at least 1'],
    [
      ['--listen-client-urls=http://a:1', '--listen-client-http-urls=http://a:1'],
      'http://a:1 is in --listen-client-urls and in --listen-client-http-urls',
    ],
    [
      [
        https,
        ...pair,
        '--trusted-ca-file=/t',
        '--client-cert-allowed-cn=a',
        '--client-cert-allowed-hostname=a',
      ],
      'exclude each other',
    ],
  ])('%j is refused', async (args, message) => {
    const error = await refusal(args);
    expect(error.code).toBe('invalidValue');
    expect(error.message).toContain(message);
  });

  test('that does not protect a port is warned of', async () => {
    const { warnings } = await read([
      '--listen-client-urls=https://a:1,http://b:2',
      ...[...pair, '--trusted-ca-file=/t', '--auto-tls', '--listen-metrics-urls=http://c:3'],
    ]);
    expect(warnings).toEqual([
      '--auto-tls is ignored, because --cert-file is given',
      'http://b:2 is served in plain text, although --cert-file is given',
      'http://b:2 is served to clients without a certificate, although --trusted-ca-file is given',
    ]);
  });
});

test('the help names every flag and its variable', () => {
  const text = describeSettings();
  for (const row of Object.values(SCHEMA)) expect(text).toContain(`--${row.flag}`);
  expect(text).toContain('ENGRAM_LISTEN_CLIENT_URLS');
});

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'engram-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
