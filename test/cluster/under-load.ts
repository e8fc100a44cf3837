import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from './history.ts';
import { judge } from './judge.ts';
import type { LeaseExpectations } from './judge-leases.ts';
import { Load } from './load.ts';
import type { Nodes } from './nodes.ts';

const SETTLE_MS = 500;
const SHOWN_MAX = 12;

let loads = 0;

/** Runs a load on all nodes while something happens to them, and judges what it saw when all is well again. */
export async function underLoad(
  nodes: Nodes,
  disturb: (load: Load) => Promise<void>,
  expectations: LeaseExpectations = {},
): Promise<History> {
  await nodes.allUp();
  const load = await Load.start({ prefix: `load-${loads++}/`, endpoints: nodes.targets });
  try {
    await sleep(SETTLE_MS);
    await disturb(load);
    await nodes.allUp();
    await sleep(SETTLE_MS);
    const history = await load.stop();
    const violations = judge(history, expectations);
    const shown = violations.slice(0, SHOWN_MAX).join('\n     ');
    assert.equal(violations.length, 0, `${violations.length} violations:\n     ${shown}`);
    return history;
  } finally {
    load.kill();
  }
}

/** What a load came to, for a line of the report. */
export function told({ puts, gets, watched }: History): string {
  const events = watched.reduce((sum, { changes }) => sum + changes.length, 0);
  const errors = puts.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const kinds = [...new Set(errors)].map((kind) => {
    return `${errors.filter((error) => error === kind).length} of "${kind.replace(/^rpc error: /, '')}"`;
  });
  const reads = gets.filter(({ error }) => error === undefined).length;
  const failed = kinds.length === 0 ? 'none failed' : `failed: ${kinds.join(', ')}`;
  return `${puts.length - errors.length} writes, ${reads} reads, ${events} events, ${failed}`;
}
