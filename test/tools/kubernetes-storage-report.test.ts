/** Goal: a test of Kubernetes that failed on a server is never taken for one that passed, or for one without a server. */

import { expect, test } from 'vitest';
import { TestReport } from '../kubernetes-storage/report.ts';

const server = (name: string) => `storage server 42 of ${name} after 300ms`;

function endsOf(...lines: readonly string[]): readonly (readonly [string, string])[] {
  const report = new TestReport();
  for (const line of lines) report.line(line);
  return report.onServer().map(({ name, outcome }) => [name, outcome]);
}

test('a test counts if it started a server, with its outcome', () => {
  const ends = endsOf(server('TestA'), '--- PASS: TestA (0.10s)', '--- FAIL: TestB (0.20s)', 'FAIL');
  expect(ends).toEqual([['TestA', 'PASS']]);
  expect(endsOf(server('TestA'), '--- FAIL: TestA (0.10s)')).toEqual([['TestA', 'FAIL']]);
  expect(endsOf(server('TestA'), '--- SKIP: TestA (0.10s)')).toEqual([['TestA', 'SKIP']]);
});

test('of subtests on the server of the test around them, each counts, and that test does not', () => {
  const lines = [server('TestA'), '--- FAIL: TestA (0.10s)', '    --- FAIL: TestA/a (0.00s)'];
  expect(endsOf(...lines, '    --- PASS: TestA/b (0.00s)')).toEqual([
    ['TestA/a', 'FAIL'],
    ['TestA/b', 'PASS'],
  ]);
});

test('a test counts whose own end failed, though none of its subtests did', () => {
  const lines = [server('TestA/a'), '--- FAIL: TestA (0.10s)', '    --- PASS: TestA/a (0.00s)'];
  expect(endsOf(...lines, '    --- PASS: TestA/b (0.00s)')).toEqual([
    ['TestA', 'FAIL'],
    ['TestA/a', 'PASS'],
  ]);
});

test('a name that only begins alike is another test', () => {
  expect(endsOf(server('TestA'), '--- PASS: TestA (0.10s)', '--- PASS: TestAB/c (0.00s)')).toEqual([
    ['TestA', 'PASS'],
  ]);
});

test('what a test printed is told with it', () => {
  const report = new TestReport();
  const lines = ['=== RUN   TestA', server('TestA'), '    a_test.go:1: no', '=== RUN   TestB', 'other'];
  for (const line of [...lines, '=== NAME  TestA', 'more', '--- FAIL: TestA (1.50s)']) report.line(line);
  expect(report.onServer()).toEqual([
    { name: 'TestA', outcome: 'FAIL', seconds: 1.5, output: ['    a_test.go:1: no', 'more'] },
  ]);
});
