import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface LoadOptions {
  /** `host:port`. */
  readonly target: string;
  readonly kind: 'put' | 'delete' | 'grant';
  readonly count: number;
  /** Calls under way at any time, spread over the connections. */
  readonly callers: number;
  readonly connections: number;
  readonly valueBytes: number;
  /** Number of the first key. @default 0 */
  readonly from?: number;
  /** How many different keys. @default count */
  readonly keys?: number;
  /** Seconds. @default 60 */
  readonly ttl?: number;
}

export interface LoadResult {
  readonly elapsedMs: number;
  readonly failed: number;
}

/** Runs a load against a server. Throws when a call failed. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const program = join(import.meta.dirname, 'loader.ts');
  const args = ['--import', 'tsx', program, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`Cannot load: the loader ended with ${code}`);
  const result = JSON.parse(output) as LoadResult;
  if (result.failed > 0) throw new Error(`${result.failed} of ${options.count} calls failed`);
  return result;
}
