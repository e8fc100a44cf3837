/** Goal: a test of etcd's that fails, or never ends, is never taken for one that passed, and what is left out is what is named. */
import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../etcd-e2e/go-test.ts';
import { isShort, leftOut, reasonFor, subtestsLeftOut } from '../etcd-e2e/left-out.ts';

describe('the output of a Go test', () => {
  test('passes with its subtests', () => {
    const output = '=== RUN   TestA\n    --- PASS: TestA/one (0.1s)\n--- PASS: TestA (0.20s)\nPASS\n';
    expect(outcomeOf('TestA', 0, output)).toEqual({ kind: 'passed' });
  });

  test.each([
    ['says so', 1, '    a_test.go:3: expected 1\n--- FAIL: TestA (0.2s)\n'],
    ['passed, but its program did not', 1, '--- PASS: TestA (0.2s)\nPASS\n1 instances of:\nleak\n'],
    ['never ended', -1, '=== RUN   TestA\n    a_test.go:3: expected 1\n'],
    ['ran another', 0, '--- PASS: TestAB (0.2s)\nPASS\n'],
    ['ran none', 0, 'testing: warning: no tests to run\nPASS\n'],
  ])('fails where it %s', (_, code, output) => {
    expect(outcomeOf('TestA', code, output)).toMatchObject({ kind: 'failed' });
  });

  test('tells why it failed, without the noise', () => {
    const output = '    logger.go:1: noise\n    a_test.go:3: expected 1\n--- FAIL: TestA (0.2s)\n';
    expect(outcomeOf('TestA', 1, output)).toEqual({
      kind: 'failed',
      why: 'ended with 1:\n    a_test.go:3: expected 1\n--- FAIL: TestA (0.2s)',
    });
  });

  test('skips itself with a reason', () => {
    const output = '    a_test.go:7: please run with failpoints\n--- SKIP: TestA (0.00s)\nPASS\n';
    expect(outcomeOf('TestA', 0, output)).toEqual({
      kind: 'skipped',
      reason: 'a_test.go:7: please run with failpoints',
    });
  });
});

describe('what is left out', () => {
  test('has a reason, and a test that nobody names is run', () => {
    for (const { test: name, reason } of leftOut) expect([name, reason.length > 20]).toEqual([name, true]);
    expect(reasonFor('TestAuthEnable')).toContain('users and roles');
    expect(reasonFor('TestKVGet')).toBeUndefined();
    expect(reasonFor('TestSomethingNew')).toBeUndefined();
  });

  test('may be a part of a test', () => {
    expect(reasonFor('TestHTTPHealthHandler')).toBeUndefined();
    expect(subtestsLeftOut('TestHTTPHealthHandler').map(({ test: name }) => name)).toEqual([
      'TestHTTPHealthHandler/(network_partitioned|overloaded_server_slow_apply)',
      expect.stringContaining('/(raft_loop_deadlock|'),
    ]);
    expect(subtestsLeftOut('TestKVGet')).toEqual([]);
  });

  test('is not in the short form', () => {
    expect(isShort('TestKVGet')).toBe(true);
    expect(isShort('TestKVGetNoQuorum')).toBe(false);
  });
});
