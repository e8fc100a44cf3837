/**
 * Goal: the table of rooms is enforced, so each kind of breach is found. Method: small trees that hold one import each
 * are cruised with the real rules.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = dirname(dirname(import.meta.dirname));

/** File -> what it imports. Files that are only imported are made too. */
const imports: Record<string, string[]> = {
  'src/index.ts': ['./cli/serve.ts'],
  'src/cli/serve.ts': ['../server/index.ts', '../engine/level/index.ts'],
  'src/server/index.ts': ['../store/index.ts'],
  'src/store/index.ts': ['../log/index.ts', '../base/bytes.ts', '../wire/codec.ts'],
  'src/store/store.test.ts': ['./index.ts', '../engine/memory/index.ts', '../../test/helper.ts'],
  'src/engine/level/index.ts': ['../index.ts', 'classic-level'],

  'src/base/bytes.ts': ['../log/index.ts'],
  'src/server/bad.ts': ['../engine/index.ts', '../store/range.ts'],
  'src/engine/memory/index.ts': ['../level/index.ts', 'classic-level'],
  'src/engine/bad.ts': ['./memory/index.ts'],
  'src/watch/index.ts': ['../cli/serve.ts', 'vitest', '../../test/helper.ts'],
  'src/strange/index.ts': ['../base/clock.ts'],
  'src/index/a.ts': ['./b.ts'],
  'src/index/b.ts': ['./a.ts', './nowhere.ts'],
  'src/log/dead.ts': [],
};
const leaves = [
  'src/log/index.ts',
  'src/base/clock.ts',
  'src/wire/codec.ts',
  'src/store/range.ts',
  'src/engine/index.ts',
];

interface Report {
  summary: { violations: { from: string; to: string; rule: { name: string } }[] };
}

let directory: string;
let found: Set<string>;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'engram-rooms-'));
  for (const file of [...Object.keys(imports), ...leaves, 'test/helper.ts']) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    const lines = (imports[file] ?? []).map((specifier) => `import '${specifier}';\n`);
    writeFileSync(join(directory, file), `${lines.join('')}export const name = '${file}';\n`);
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  symlinkSync(join(root, 'package.json'), join(directory, 'package.json'));
  found = violations();
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Every violation as `from -> rule`. dependency-cruiser exits non-zero when it found some. */
function violations(): Set<string> {
  const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.cjs');
  const args = [cruiser, 'src', 'test', '--config', config, '--output-type', 'json'];
  const report = JSON.parse(
    execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }),
  ) as Report;
  return new Set(report.summary.violations.map(({ from, rule }) => `${from} -> ${rule.name}`));
}

describe('rooms', () => {
  test.each([
    ['base imports nothing', 'src/base/bytes.ts -> room-base'],
    ['server does not see the engine', 'src/server/bad.ts -> room-server'],
    ['a room is entered by its index.ts', 'src/server/bad.ts -> door-store'],
    ['engines are strangers to one another', 'src/engine/memory/index.ts -> room-engine-memory'],
    ['a driver belongs to one engine', 'src/engine/memory/index.ts -> packages-engine-memory'],
    ['the contract knows no engine', 'src/engine/bad.ts -> room-engine'],
    ['nothing imports cli', 'src/watch/index.ts -> no-import-of-cli'],
    ['development packages stay out', 'src/watch/index.ts -> no-dev-packages-in-source'],
    ['source imports no test', 'src/watch/index.ts -> no-tests-in-source'],
    ['a folder outside the table', 'src/strange/index.ts -> known-room'],
    ['cycles', 'src/index/a.ts -> no-cycles'],
    ['imports of nothing', 'src/index/b.ts -> resolvable'],
    ['orphans', 'src/log/dead.ts -> no-orphans'],
  ])('finds a breach: %s', (_, violation) => {
    expect([...found]).toContain(violation);
  });

  test('lets the meant imports pass', () => {
    const clean = [
      'src/index.ts',
      'src/cli/',
      'src/server/index.ts',
      'src/store/',
      'src/engine/level/',
      'test/',
    ];
    expect([...found].filter((violation) => clean.some((path) => violation.startsWith(path)))).toEqual([]);
  });
});
