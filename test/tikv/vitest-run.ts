import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { endGroup } from '../../scripts/end-group.ts';
import { parseCounts } from '../../scripts/counts.ts';

const minutesMax = 15;

/**
 * Files of tests, run by vitest on another cluster than the fake; they count as one. They end with everything that they
 * started when `signal` is aborted, and with an interrupt that only this process gets.
 */
export async function vitestRun(
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const child = spawn('npx', ['vitest', 'run', ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true,
  });
  const timer = setTimeout(() => endGroup(child), minutesMax * 60_000);
  // Who is only asked to end goes on writing for a moment, which is what the signal is to stop.
  const end = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'));
  signal.addEventListener('abort', end);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
  const counts = parseCounts(stdout);
  assert.ok(counts !== undefined, `the tests did not end: ${stdout.slice(-4000)} ${stderr.slice(-1000)}`);
  assert.equal(counts.failed, 0, stdout.slice(-8000));
  return `${counts.passed} tests`;
}
