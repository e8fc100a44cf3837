/**
 * What the log costs: `FIGURES=1 npx vitest run test/property/log-figures.test.ts` prints figures at full size; without
 * it the same code runs small, so that it cannot rot.
 */
import { expect, it } from 'vitest';

import { MemoryEngine } from '../../src/engine/memory/index.ts';
import { Segments } from '../../src/index/index.ts';
import { LogMap, replay } from '../../src/log/index.ts';
import { SimpleLeader } from './log-leader.ts';

const isFull = process.env['FIGURES'] === '1';

async function load(count: number, valueBytes: number, group: number): Promise<[SimpleLeader, number]> {
  const leader = new SimpleLeader(new MemoryEngine(), new Segments());
  await leader.open(1);
  const keys = Array.from({ length: 1000 }, (_, i) => Buffer.from(`/registry/pods/default/pod-${i}`));
  const value = Buffer.alloc(valueBytes, 7);
  let told = 0;
  const waiter = { settled: () => void told++ };
  const { writer } = leader;
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    const revision = writer.proposedRevision + 1;
    writer.put(revision, 0, keys[i % 1000]!, revision, 1, value, 0n);
    writer.seal(waiter);
    // The turn ends: a microtask starts the commit of what it has gathered.
    if (i % group === group - 1) await leader.flushed();
  }
  await leader.flushed();
  const { user, system } = process.cpuUsage(before);
  expect(told).toBe(count);
  return [leader, (user + system) / count];
}

it('the cost of a put and of a replay', async () => {
  const count = isFull ? 1_000_000 : 5_000;
  const lines: string[] = [];
  if (isFull) await load(200_000, 512, 256);
  for (const [valueBytes, group] of [
    [512, 256],
    [512, 1],
    [100, 256],
  ] as const) {
    const [leader, micros] = await load(count, valueBytes, group);
    lines.push(`put of ${valueBytes} bytes, ${group} a group: ${micros.toFixed(2)} us of CPU`);
    await leader.writer.stop();
    let versions = 0;
    const target = {
      cleanedAt: () => undefined,
      version: () => void versions++,
      record: () => undefined,
      applied: () => undefined,
    };
    const signal = new AbortController().signal;
    const { engine, keys } = leader;
    const started = process.cpuUsage();
    await replay({ engine, keys, arena: new Segments(), map: new LogMap(), target, signal });
    const { user, system } = process.cpuUsage(started);
    expect(versions).toBe(count);
    lines.push(`  its replay: ${(count / (user + system)).toFixed(2)} M entries a second of CPU`);
  }
  if (isFull) process.stdout.write(`${lines.join('\n')}\n`);
});
