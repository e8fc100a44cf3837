/**
 * Goal: hold Engram against real etcd on a machine without Go. Method: thousands of requests that `npm run test:etcd --
 * --record` once sent to real etcd, with its answers, are sent again to Engram in a process of its own, and every field
 * of every answer is compared under the rules of the live run (test/etcd/compare.ts).
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { difference } from '../etcd/compare.ts';
import { startEngram } from '../etcd/etcd-process.ts';
import { Executor } from '../etcd/executor.ts';
import { describe as describeStep } from '../etcd/run.ts';
import { readRecording } from '../etcd/step.ts';

const PROBLEMS_MAX = 5;

test.each(['3.7.3', '3.6.14'])(
  'promises 4 and 5: answers as etcd %s did when it was recorded',
  async (version) => {
    const entries = readRecording(join(import.meta.dirname, '..', 'recorded', `etcd-${version}.jsonl.gz`));
    const engram = await startEngram();
    const executor = new Executor(engram.target);
    const problems: string[] = [];
    for (const [at, { step, result }] of entries.entries()) {
      const found = await executor.run(step, result);
      const problem = difference(step, [result, found], { older: version.startsWith('3.6') });
      if (problem !== undefined) problems.push(`step ${at}: ${describeStep(step)}\n${problem}`);
      if (problems.length >= PROBLEMS_MAX) break;
    }
    executor.close();
    await engram.stop();
    expect(entries.length).toBeGreaterThanOrEqual(5_000);
    expect(problems).toEqual([]);
  },
  240_000,
);
