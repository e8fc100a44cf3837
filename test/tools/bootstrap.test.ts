/**
 * Goal: `npm start` and `npm test` install and build exactly when something changed. Method: the real script in a
 * small project, with programs in the places of npm, which only notes its arguments, and of the compiler, which copies
 * sources and refuses those that hold the word "broken".
 */

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const packages = {
  '': { name: 'small' },
  'node_modules/typescript': { version: '1.0.0' },
  'node_modules/of-another-platform': { version: '1.0.0', optional: true },
};
const compiler = `
import { cpSync, readdirSync, readFileSync } from 'node:fs';
const out = process.argv[process.argv.indexOf('--outDir') + 1];
const sources = readdirSync('src').filter((name) => name.endsWith('.ts'));
for (const name of sources) {
  if (!readFileSync('src/' + name, 'utf8').includes('broken')) continue;
  console.log(name + ' does not compile');
  process.exit(2);
}
for (const name of sources) cpSync('src/' + name, out + '/' + name.replace('.ts', '.js'));
`;
let directory: string;

function write(path: string, content: unknown): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), typeof content === 'string' ? content : JSON.stringify(content));
}

function bootstrap(...args: string[]): { status: number | null; text: string } {
  const env = { ...process.env, npm_execpath: join(directory, 'npm.mjs') };
  const script = join(directory, 'scripts/bootstrap.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
  return { status, text: stderr };
}

/** The calls of npm so far. */
function npmCalls(): string[] {
  const path = join(directory, 'npm.log');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'engram-bootstrap-'));
  write('scripts/empty', '');
  copyFileSync(join(root, 'scripts/bootstrap.mjs'), join(directory, 'scripts/bootstrap.mjs'));
  write('package.json', { type: 'module' });
  write('tsconfig.json', {});
  write('tsconfig.build.json', {});
  write('package-lock.json', { packages });
  write('src/a.ts', 'export const a = 1;\n');
  write(
    'npm.mjs',
    `import { appendFileSync } from 'node:fs';
    appendFileSync(${JSON.stringify(join(directory, 'npm.log'))}, process.argv.slice(2).join(' ') + '\\n');`,
  );
  const { 'node_modules/typescript': typescript } = packages;
  write('node_modules/.package-lock.json', { packages: { 'node_modules/typescript': typescript } });
  write('node_modules/typescript/bin/tsc', compiler);
  write('node_modules/typescript/package.json', { type: 'module' });
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('bootstrap', () => {
  test('builds once, and again only after a change', () => {
    expect(bootstrap().text).toContain('built dist/');
    expect(bootstrap()).toEqual({ status: 0, text: '' });
    write('src/a.test.ts', 'not compiled');
    expect(bootstrap().text).toBe('');
    write('src/a.ts', 'export const a = 2;\n');
    rmSync(join(directory, 'src/a.test.ts'));
    expect(bootstrap().text).toContain('built dist/');
    expect(readFileSync(join(directory, 'dist/a.js'), 'utf8')).toContain('a = 2');
    expect(bootstrap('--build').text).toContain('built dist/');
    expect(npmCalls()).toEqual([]);
  });

  test('leaves nothing of a source that is gone', () => {
    write('src/b.ts', 'export const b = 1;\n');
    bootstrap();
    expect(existsSync(join(directory, 'dist/b.js'))).toBe(true);
    rmSync(join(directory, 'src/b.ts'));
    bootstrap();
    expect(existsSync(join(directory, 'dist/b.js'))).toBe(false);
  });

  test('protos go beside the code that reads them, and build when they change', () => {
    write('src/room/proto/a.proto', 'message A {}');
    bootstrap();
    expect(readFileSync(join(directory, 'dist/room/proto/a.proto'), 'utf8')).toBe('message A {}');
    write('src/room/proto/a.proto', 'message B {}');
    expect(bootstrap().text).toContain('built dist/');
    expect(readFileSync(join(directory, 'dist/room/proto/a.proto'), 'utf8')).toBe('message B {}');
    expect(bootstrap().text).toBe('');
  });

  test('a source that does not compile fails and leaves the last build', () => {
    bootstrap();
    write('src/a.ts', 'broken');
    const failed = bootstrap();
    expect(failed.status).toBe(1);
    expect(failed.text).toContain('a.ts does not compile');
    expect(readFileSync(join(directory, 'dist/a.js'), 'utf8')).toContain('a = 1');
    expect(bootstrap().status).toBe(1);
  });

  test.each([
    ['nothing is installed', undefined],
    ['another version is installed', { packages: { 'node_modules/typescript': { version: '0.9.0' } } }],
    ['a package is missing', { packages: {} }],
  ])('installs when %s', (_, record) => {
    rmSync(join(directory, 'node_modules/.package-lock.json'));
    if (record !== undefined) write('node_modules/.package-lock.json', record);
    expect(bootstrap().status).toBe(0);
    expect(npmCalls()).toEqual(['ci --include=dev']);
  });
});
