/** Goal: who asks a program of the repo for help gets it, and who mistypes an option is told which. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { headComment } from '../support/program-options.ts';

const root = join(import.meta.dirname, '../..');
const simulate = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'test/simulation/main.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  });

describe('programs that people run by hand', { timeout: 60_000 }, () => {
  test('--help tells what the comment at the head of the file says', () => {
    const { status, stdout } = simulate('--seeds', '3', '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^`npm run simulate -- \[--cluster\].*\nStops at the first seed/);
    expect(stdout).not.toContain('*');
  });

  test.each([
    [['--plnat', 'all'], "Unknown option '--plnat'"],
    [['--seeds'], "Option '--seeds <value>' argument missing"],
  ])('%j is refused without a stack', (args, reason) => {
    const { status, stdout, stderr } = simulate(...args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(reason);
    expect(stderr).not.toContain('    at ');
  });

  test('a comment keeps its paragraphs and what is set in', () => {
    expect(headComment('/**\n * One.\n *\n *     two\n */\nexport {};\n')).toBe('One.\n\n    two');
    expect(headComment('/** One. */')).toBe('One.');
    expect(() => headComment('export {};')).toThrow('does not begin with a comment');
  });
});
