import { fork } from 'node:child_process';
import { join } from 'node:path';
import { Generator } from './generator.ts';
import { figuresOf } from './measurement.ts';
import type { Figures } from './measurement.ts';

const WARM_MS = 1000;
const MEASURE_MS = 1500;
const CONNECTIONS = 16;
const CLIENTS = 256;

/**
 * What the generator drives against a server that does nothing: a row near this many calls a second measures the
 * generator. Its server's CPU is that of socket calls and copies alone.
 */
export async function generatorCeiling(): Promise<Figures> {
  const program = join(import.meta.dirname, 'load', 'responder.ts');
  const responder = fork(program, { execArgv: ['--import', 'tsx'] });
  const generator = new Generator();
  try {
    const port = await new Promise<number>((resolve, reject) => {
      responder.once('message', (message) => resolve(Number(message)));
      responder.once('exit', (code) =>
        reject(new Error(`Cannot start the responder: it ended with ${code}`)),
      );
    });
    const target = `127.0.0.1:${port}`;
    await generator.task('connect', { target, serverPid: responder.pid ?? 0, connections: CONNECTIONS });
    const result = await generator.task('calls', {
      ...{
        shape: 'range',
        clients: CLIENTS,
        keys: 100_000,
        valueBytes: 512,
        prefix: '/registry/pods/point/',
      },
      ...{ warmMs: WARM_MS, measureMs: MEASURE_MS },
    });
    const failures = Object.keys(result.failures);
    if (failures.length > 0) throw new Error(`Cannot find the generator's ceiling: ${failures.join(', ')}`);
    return figuresOf(result);
  } finally {
    await generator.stop();
    responder.kill('SIGKILL');
  }
}
