/**
 * Goal: the package of the TiKV client works where there is nothing of Engram, and its README tells the truth. Method: it
 * is packed and unpacked into the node_modules of an empty project, which has its dependencies and nothing else; programs
 * there, those of the README among them, are compiled and run against a cluster in this process, and have to end by
 * themselves.
 */

import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageContent, packTikv } from '../../scripts/pack-tikv.ts';
import { FakeCluster } from '../support/tikv/fake/fake-cluster.ts';
import { testTls } from '../support/tikv/tls.ts';

const root = join(import.meta.dirname, '../..');
const execute = promisify(execFile);
/** Compilers and processes: seconds of work, minutes on a machine that has a lot of other things to do. */
const patienceMs = 300_000;
const besides = { concurrent: true, timeout: patienceMs };

let project: string;
let out: string;

beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), 'engram-pack-'));
  project = join(out, 'project');
  const { tarball } = packTikv(root, out);
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'engram-tikv'), { recursive: true });
  await execute('tar', ['-xzf', tarball, '-C', join(modules, 'engram-tikv'), '--strip-components=1']);
  const manifest = readFileSync(join(modules, 'engram-tikv/package.json'), 'utf8');
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
}, patienceMs);
afterAll(() => rmSync(out, { recursive: true, force: true }));

/** Runs a program of the project to its end, which it must come to by itself. Rejects unless it ends with 0. */
async function run(file: string, cluster: { readonly pd: readonly string[] }): Promise<string[]> {
  const env = { ...process.env, TIKV_PD: cluster.pd.join(',') };
  const { stdout } = await execute(process.execPath, [file], { cwd: project, env, timeout: patienceMs });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Runs TypeScript's compiler on some files of the project, as strict as can be. Rejects with what it says. */
async function check(files: readonly string[]): Promise<void> {
  const compilerOptions = {
    ...{ module: 'nodenext', moduleResolution: 'nodenext', target: 'es2022', types: [] },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ skipLibCheck: false, allowJs: true, checkJs: true, noEmit: true },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const ran = await execute(process.execPath, [compiler, '-p', project]).catch(
    (error: { stdout: string }) => error,
  );
  expect(ran.stdout).toBe('');
}

const program = `
import { TikvClient } from 'engram-tikv';

const bytes = (text) => Buffer.from(text);
const client = await TikvClient.open({ pd: process.env.TIKV_PD.split(','), keyPrefix: bytes('p/') });
const first = await client.transaction();
for (const name of ['a', 'b', 'c']) first.put(bytes(name), bytes(name.toUpperCase()));
console.log((await first.commit()).kind);

const [one, other] = [await client.transaction(), await client.transaction()];
one.put(bytes('b'), bytes('one'));
other.delete(bytes('b'));
console.log((await one.commit()).kind, (await other.commit()).kind);

const snapshot = await client.snapshot();
console.log(String(await snapshot.get(bytes('b'))), await snapshot.get(bytes('d')));
for await (const batch of snapshot.scan({ gte: bytes('b') })) console.log(batch.map(({ key, value }) => key + '=' + value).join());
await snapshot.get('b').catch(({ name, code, message }) => console.log(name, code, message));
await client.close();
await client.timestamp().catch(({ code }) => console.log(code));
console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length);
`;

const lost = `
import { TikvClient } from 'engram-tikv';
await TikvClient.open({ pd: ['127.0.0.1:1'] }).catch(({ code, retryable }) => console.log(code, retryable));
`;

const typed = `
import { TikvClient, TikvError, physicalMs } from 'engram-tikv';
import type {
  CallOptions, Clock, CommitOptions, EndSignal, GcSchedule, KeyValue, Logger, Mutation, ReadOptions, ScanOptions,
  SettledOutcome, TikvEnvironment, TikvErrorCode, TikvOptions, TikvSnapshot, TikvTransaction, TlsOptions, TxnOutcome,
} from 'engram-tikv';

export function told(outcome: TxnOutcome): bigint | string {
  switch (outcome.kind) {
    case 'committed': return outcome.commitTimestamp;
    case 'conflict':
    case 'exists': return outcome.key.toString();
    case 'rolled-back': return outcome.cause?.message ?? '';
    case 'undetermined': return outcome.primary.toString('hex');
  }
}
export async function use(options: TikvOptions, logger: Logger, signal: AbortSignal): Promise<KeyValue[]> {
  await using client = await TikvClient.open({ ...options, environment: { logger } });
  const snapshot: TikvSnapshot = await client.snapshot();
  const found: KeyValue[] = [];
  for await (const batch of snapshot.scan({ limit: 10, signal })) found.push(...batch);
  const mutations: Mutation[] = [{ op: 'put', key: Buffer.from('a'), value: new Uint8Array(1) }];
  const outcome = await client.commit(mutations, { startTimestamp: snapshot.timestamp, signal });
  console.log(told(outcome), physicalMs(snapshot.timestamp));
  // @ts-expect-error: a value is bytes
  await client.commit([{ op: 'put', key: Buffer.from('a'), value: 'text' }], { startTimestamp: 0n });
  return found;
}
export const isAborted = (error: unknown): boolean => error instanceof TikvError && error.code === 'aborted';
export type All = [
  CallOptions, Clock, CommitOptions, EndSignal, GcSchedule, ReadOptions, ScanOptions, SettledOutcome, TikvEnvironment,
  TikvErrorCode, TikvTransaction, TlsOptions,
];
`;

/** The programs of a README, and what each says that it prints. */
function examples(readme: string): { text: string; prints: string[] }[] {
  return [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text = '']) => {
    return { text, prints: [...text.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line = '']) => line) };
  });
}

describe('the package', () => {
  test('reads, writes, conflicts and ends by itself', besides, async () => {
    const cluster = await FakeCluster.start();
    writeFileSync(join(project, 'program.js'), program);
    expect(await run('program.js', cluster)).toEqual([
      'committed',
      'committed conflict',
      'one undefined',
      'b=one,c=C',
      'TikvError invalid A key must be a Uint8Array or a Buffer: it is of type string',
      'closed',
      '0',
    ]);
    expect(cluster.violations()).toEqual([]);
    await cluster.close();
  });

  test('stays until it has found out that nobody answers', besides, async () => {
    writeFileSync(join(project, 'lost.js'), lost);
    expect(await run('lost.js', { pd: [] })).toEqual(['unavailable true']);
  });

  test('its types and the programs of its README satisfy a strict compiler', besides, async () => {
    const files = ['consumer.ts'];
    writeFileSync(join(project, 'consumer.ts'), typed);
    const readme = readFileSync(join(project, 'node_modules/engram-tikv/README.md'), 'utf8');
    for (const [at, { text }] of examples(readme).entries()) {
      writeFileSync(join(project, `checked-${at}.js`), text);
      files.push(`checked-${at}.js`);
    }
    expect(files.length).toBeGreaterThan(4);
    await check(files);
  });

  test('the programs of its README print what they say, also over TLS', besides, async () => {
    const { server, client } = await testTls();
    copyFileSync(client.ca, join(project, 'ca.pem'));
    copyFileSync(client.cert, join(project, 'client.pem'));
    copyFileSync(client.key, join(project, 'client-key.pem'));
    const [plain, secured] = [
      await FakeCluster.start(),
      await FakeCluster.start({ tls: { server, client } }),
    ];
    const readme = readFileSync(join(project, 'node_modules/engram-tikv/README.md'), 'utf8');
    for (const [at, { text, prints }] of examples(readme).entries()) {
      writeFileSync(join(project, `example-${at}.js`), text);
      expect(prints).not.toEqual([]);
      expect(await run(`example-${at}.js`, text.includes('tls:') ? secured : plain), text).toEqual(prints);
    }
    expect([...plain.violations(), ...secured.violations()]).toEqual([]);
    await Promise.all([plain.close(), secured.close()]);
  });
});

describe('what belongs in the package', () => {
  let tree: string;
  beforeAll(() => (tree = mkdtempSync(join(tmpdir(), 'engram-pack-tree-'))));
  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  function content(files: Readonly<Record<string, string>>): ReturnType<typeof packageContent> {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), text);
    }
    return packageContent(tree);
  }

  test('is what is imported, and of the barrel of base what is named', () => {
    const found = content({
      'src/tikv/index.ts': `export { a } from './a.ts';\nimport type { C } from '../base/index.ts';\n`,
      'src/tikv/a.ts': `import { b } from '../base/index.ts';\nimport '@grpc/grpc-js';\nimport 'node:path';\nawait import('./late.ts');\n`,
      'src/tikv/late.ts': '',
      'src/tikv/dead.ts': `import '../engine/index.ts';\n`,
      'src/base/index.ts': `export { b, other } from './b.ts';\nexport type { C } from './c.ts';\nexport { d } from './d.ts';\n`,
      'src/base/b.ts': `import './e.ts';\n`,
      'src/base/c.ts': '',
      'src/base/d.ts': '',
      'src/base/e.ts': '',
    });
    expect(found.barrel).toBe(`export { b } from './b.ts';\nexport type { C } from './c.ts';\n`);
    expect(found.packages).toEqual(['@grpc/grpc-js']);
    expect(found.files).toEqual([
      ...['src/base/b.ts', 'src/base/c.ts', 'src/base/e.ts', 'src/base/index.ts'],
      ...['src/tikv/a.ts', 'src/tikv/index.ts', 'src/tikv/late.ts'],
    ]);
  });

  test.each([
    `import '../engine/index.ts';`,
    `import type { X } from '../cli/x.ts';`,
    `await import('../x.ts');`,
  ])('is nothing outside of src/tikv and src/base: %s', (text) => {
    expect(() => content({ 'src/tikv/index.ts': text })).toThrow(/outside of src\/tikv and src\/base/);
  });

  test('takes names from the barrel of base, not all of it', () => {
    expect(() => content({ 'src/tikv/index.ts': `import * as base from '../base/index.ts';` })).toThrow(
      /names/,
    );
  });
});
