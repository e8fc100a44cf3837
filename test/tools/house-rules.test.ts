/** Goal: every house rule can fail. Method: one file that breaks it, and its nearest neighbour that does not. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  documented,
  documentedCommands,
  fileSizes,
  foreign,
  listedProofs,
  pinned,
  proofs,
  proven,
  words,
  type SourceFile,
} from '../../scripts/house-rules.ts';

function file(path: string, text: string): SourceFile {
  return { path, text };
}

describe('house rules', () => {
  test('a file may have 600 lines and no more', () => {
    expect(fileSizes([file('src/a.ts', 'x\n'.repeat(600)), file('a.md', 'x\n'.repeat(601))])).toEqual([]);
    expect(fileSizes([file('src/a.ts', 'x\n'.repeat(601))])).toHaveLength(1);
  });

  test.each([
    ['src/log/a.ts', 'export enum Kind {}', 'export const kinds = {}; // an enum in Go'],
    ['src/log/a.ts', 'export default f;', 'export { f };'],
    ['scripts/a.ts', 'f(); // FIXME', 'f(); // fixed'],
    ['src/store/a.ts', "import { EventEmitter } from 'node:events';", 'emit();'],
    ['src/server/a.ts', 'process.env.HOME', 'process.exit'],
    ['src/server/a.ts', "import { f } from './utils.ts';", "import { f } from './revision.ts';"],
    ['src/log/a.test.ts', 'vi.useFakeTimers();', 'vi.fn();'],
    ['src/log/a.ts', '// @ts-ignore', '// @ts-expect-error the field is not typed'],
    ['src/log/a.test.ts', "test.only('x', f)", "test.each('x', f)"],
  ])('words, in %s: %s', (path, bad, good) => {
    expect(words([file(path, `\n${bad}\n`)])).toMatchObject([{ path, line: 2 }]);
    expect(words([file(path, `\n${good}\n`)])).toEqual([]);
  });

  test('the environment belongs to config, scripts and tests', () => {
    const reads = 'process.env.HOME';
    const allowed = ['src/config/load.ts', 'scripts/tools.ts', 'test/etcd/main.ts', 'src/cli/a.test.ts'];
    expect(words(allowed.map((path) => file(path, reads)))).toEqual([]);
  });

  test.each([
    ['a path of one machine', 'see /root/x', 'see root/x'],
    ['a path of one machine', 'const at = "/work/main";', 'const at = "/var/work/main";'],
    ['a path of one machine', 'cd /home/jane/engram', 'cd "$HOME/engram"'],
    ['the host of a registry', 'GOPROXY=https://proxy.golang.org', 'import "go.etcd.io/etcd"'],
    ['the host of a registry', 'https://registry.npmjs.org/x', 'https://example.org/x'],
  ])('nothing holds %s: %s', (name, bad, good) => {
    expect(foreign([file('README.md', bad)])).toMatchObject([{ line: 1, message: `holds ${name}` }]);
    expect(foreign([file('README.md', good)])).toEqual([]);
  });

  test('versions are exact', () => {
    const manifest = (version: string) =>
      file('package.json', JSON.stringify({ devDependencies: { a: version } }));
    expect(pinned([manifest('1.2.3')])).toEqual([]);
    for (const loose of ['^1.2.3', '~1.2.3', '1.2', '*', 'latest', 'file:../a']) {
      expect(pinned([manifest(loose)])).toHaveLength(1);
    }
  });

  test('the lock file does not say where a package was fetched from', () => {
    const lock = (entry: object) =>
      file('package-lock.json', JSON.stringify({ packages: { a: entry } }, null, 2));
    expect(pinned([lock({ version: '1.0.0', integrity: 'sha512-x' })])).toEqual([]);
    expect(pinned([lock({ version: '1.0.0', resolved: 'https://example.org/a.tgz' })])).toHaveLength(1);
  });

  test('a source file says what it holds', () => {
    expect(documented([file('src/log/head.ts', 'export const a = 1;')])).toHaveLength(1);
    expect(documented([file('src/log/head.ts', '/** The head. */\nexport const a = 1;')])).toEqual([]);
    expect(documented([file('src/log/index.ts', ''), file('src/log/head.test.ts', '')])).toEqual([]);
  });

  test('documents show only commands that exist', () => {
    const manifest = file('package.json', JSON.stringify({ scripts: { 'test:etcd': 'x' } }));
    expect(documentedCommands([manifest, file('README.md', 'Run `npm run test:etcd`.')])).toEqual([]);
    const ci = file('.ci/run', '');
    expect(documentedCommands([manifest, ci, file('a.md', 'npm installs; `bash .ci/run`')])).toEqual([]);
    const wrong = ['`npm run test:moon`', 'npm start', 'npm  run x; npm test', 'bash scripts/x.sh'];
    const shown = ['npm run test:moon', 'npm start', 'npm test', 'bash scripts/x.sh'];
    expect(documentedCommands([manifest, ci, file('README.md', wrong.join('\n'))])).toEqual(
      shown.map((each, i) => ({
        path: 'README.md',
        line: i + 1,
        message: `shows ${each}, which does not exist`,
      })),
    );
  });

  test('the first screen of the README shows how to start and how to test, and both exist', () => {
    const read = (path: string) => file(path, readFileSync(join(import.meta.dirname, '../..', path), 'utf8'));
    const readme = read('README.md');
    const firstScreen = readme.text.split('\n').slice(0, 24).join('\n');
    for (const command of ['npm start', 'npm test']) expect(firstScreen).toContain(command);
    expect(documentedCommands([read('package.json'), read('.ci/run'), readme])).toEqual([]);
  });

  test('each promise is cited by the name of a test, and its tests are listed', () => {
    const cited = (path: string, text: string) => proofs([file(path, text)]).map(({ promise }) => promise);
    expect(cited('src/a.ts', "test('promise 2: dense')")).toEqual([]);
    expect(cited('src/a.test.ts', "// promise 2\nexpect(a, 'promise 2: dense')")).toEqual([]);
    expect(cited('src/a.test.ts', "it('keeps what promise 2 says')")).toEqual([]);
    expect(cited('src/a.test.ts', "test('promise 2: dense')")).toEqual([2]);
    expect(cited('src/a.test.ts', "it.each([f(1)])(\n  'promise 10: %s', g)")).toEqual([10]);
    expect(cited('test/e2e/a.ts', 'await check(`promises 1, 3 and 10: ${n} x`, f)')).toEqual([1, 3, 10]);
    expect(cited('test/e2e/a.ts', 'describe("promises 4 to 6: x", f)')).toEqual([4, 5, 6]);
    const all = file('src/a.test.ts', "\ntest('promises 1 to 10: x')");
    expect(proven([all])).toEqual([]);
    expect(proven([file('src/a.test.ts', "test('promises 1 to 9: x')")])).toMatchObject([
      { message: 'no test is named `promise 10: ...`' },
    ]);
    expect(listedProofs([all]).slice(0, 3)).toEqual([
      'promise 1',
      '  src/a.test.ts:2  promises 1 to 10: x',
      'promise 2',
    ]);
  });
});
