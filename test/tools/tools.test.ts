/** Goal: a suite always learns where a tool is or why it is missing, and nothing half-built is ever found. */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findTool, recipesFor, toolPath, toolsDirectory } from '../../scripts/tools.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'engram-tools-'));
  vi.stubEnv('ENGRAM_TOOLS', directory);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

function place(path: string, text: string): string {
  const file = join(directory, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

describe('tools', () => {
  test('are found by name and version, the newest first', async () => {
    const newest = place('etcd-3.7.3/etcdctl', '');
    const older = place('etcd-3.6.14/etcdctl', '');
    expect(toolsDirectory()).toBe(directory);
    expect(await toolPath('etcdctl', { build: false })).toBe(newest);
    expect(await toolPath('etcdctl', { build: false, version: '3.6.14' })).toBe(older);
    expect(await findTool('etcdctl', { version: '3.4.0' })).toMatchObject({ kind: 'missing' });
  });

  test('that may not be built are missing with the command that builds them', async () => {
    const lookup = await findTool('kubectl', { build: false });
    expect(lookup).toEqual({
      kind: 'missing',
      reason: 'kubectl 1.37.0 is not built: npm run tools -- kube',
    });
    expect(await toolPath('kubectl', { build: false })).toBeUndefined();
  });

  test('that need Go are missing where there is none', async () => {
    vi.stubEnv('PATH', directory);
    const lookup = await findTool('etcd');
    expect(lookup).toMatchObject({
      kind: 'missing',
      reason: expect.stringContaining('Go is not installed'),
    });
  });

  test('whose build fails reject and leave nothing behind', async () => {
    place('bin/go', '#!/bin/sh\n[ "$1" = version ] && exit 0\nexit 3\n');
    vi.stubEnv('PATH', `${join(directory, 'bin')}:${process.env['PATH']}`);
    await expect(findTool('h2spec')).rejects.toThrow(
      'go build github.com/summerwind/h2spec/cmd/h2spec ended with 3',
    );
    expect(readdirSync(directory)).toEqual(['bin']);
  });

  test('that are built appear at once, with all of their programs', async () => {
    place('bin/go', '#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = -o ] && cp /bin/true "$2"; shift; done\n');
    vi.stubEnv('PATH', `${join(directory, 'bin')}:${process.env['PATH']}`);
    const both = await Promise.all([toolPath('etcd'), toolPath('etcdutl')]);
    expect(both).toEqual([join(directory, 'etcd-3.7.3/etcd'), join(directory, 'etcd-3.7.3/etcdutl')]);
    expect(readdirSync(directory).toSorted()).toEqual(['bin', 'etcd-3.7.3']);
    expect(readdirSync(join(directory, 'etcd-3.7.3'))).toHaveLength(3);
  });

  test('that are the tests of a module are built from a copy of it, with our file in the place of theirs', async () => {
    const theirs = place('module/pkg/storage/etcd3/testserver/test_server.go', 'theirs');
    chmodSync(theirs, 0o444);
    chmodSync(join(theirs, '..'), 0o555);
    const asked = join(directory, 'asked');
    place(
      'bin/go',
      `#!/bin/sh
[ "$1" = version ] && exit 0
[ "$1" = mod ] && echo '{ "Dir": "${join(directory, 'module')}" }' && exit 0
echo "$1 $2" >> ${asked}
while [ $# -gt 1 ]; do [ "$1" = -o ] && cp pkg/storage/etcd3/testserver/test_server.go "$2" && chmod 755 "$2"; shift; done
`,
    );
    vi.stubEnv('PATH', `${join(directory, 'bin')}:${process.env['PATH']}`);
    const built = await toolPath('cacher.test');
    const ours = join(import.meta.dirname, '../kubernetes-storage/test_server.go');
    expect(readFileSync(built!, 'utf8')).toBe(readFileSync(ours, 'utf8'));
    expect(readFileSync(theirs, 'utf8')).toBe('theirs');
    expect(readFileSync(asked, 'utf8')).toBe('test -c\n'.repeat(5));
    expect(readdirSync(directory).toSorted()).toEqual(['asked', 'bin', expect.any(String), 'module']);
    chmodSync(join(theirs, '..'), 0o755);
  });

  test('that are built from sources of this repository carry their digest', () => {
    const [fixture] = recipesFor(['tikv']);
    expect(fixture).toMatchObject({ name: 'tikv-fixture', version: expect.stringMatching(/^[0-9a-f]{12}$/) });
    const [load] = recipesFor(['cluster']);
    expect(load).toMatchObject({ name: 'cluster-load', version: expect.stringMatching(/^[0-9a-f]{12}$/) });
  });

  test('are named by words, and an unknown word lists the known ones', () => {
    expect(recipesFor(['etcd']).map(({ version }) => version)).toEqual(['3.7.3', '3.6.14']);
    expect(recipesFor(['kube', 'h2spec']).map(({ name }) => name)).toEqual(['kubernetes', 'h2spec']);
    expect(recipesFor([])).toHaveLength(8);
    expect(() => recipesFor(['moon'])).toThrow('known are etcd, etcd-3.7');
  });
});
