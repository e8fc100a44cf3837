import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENGRAM_VERSION } from './version.ts';

test("the version is the package's", () => {
  const path = join(import.meta.dirname, '..', '..', 'package.json');
  expect((JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version).toBe(ENGRAM_VERSION);
});
