import { difference, show } from './compare.ts';
import { Executor } from './executor.ts';
import { Generator } from './generator.ts';
import { decodeRequest } from './protocol.ts';
import type { Recorded, Step } from './step.ts';

export interface Run {
  readonly seed: number;
  readonly requests: number;
  /** `host:port` of the etcd that is taken as right, and of the server it is compared with. */
  readonly reference: string;
  readonly subject: string;
  readonly newest: boolean;
  readonly problemsMax: number;
}

/** Sends the same drawn requests to both servers, step by step, and says where their answers differ. */
export async function runDifferential(run: Run): Promise<{ steps: number; problems: string[] }> {
  const generator = new Generator(run.seed, { newest: run.newest });
  const [reference, subject] = [new Executor(run.reference), new Executor(run.subject)];
  const problems: string[] = [];
  let steps = 0;
  while (steps < run.requests && problems.length < run.problemsMax) {
    const step = generator.next();
    const expected = await reference.run(step);
    const found = await subject.run(step, expected);
    generator.learn(step, expected);
    steps++;
    const problem = difference(step, [expected, found], { older: !run.newest });
    if (problem !== undefined)
      problems.push(`seed ${run.seed}, step ${steps}: ${describe(step)}\n${problem}`);
  }
  reference.close();
  subject.close();
  return { steps, problems };
}

/** Runs the generator against one server and keeps what was asked and answered. */
export async function record(
  target: string,
  seed: number,
  requests: number,
  newest: boolean,
): Promise<Recorded[]> {
  const generator = new Generator(seed, { newest });
  const executor = new Executor(target);
  const entries: Recorded[] = [];
  for (let at = 0; at < requests; at++) {
    const step = generator.next();
    const result = await executor.run(step);
    generator.learn(step, result);
    entries.push({ step, result });
  }
  executor.close();
  return entries;
}

export function describe(step: Step): string {
  if (step.kind === 'settle') return 'settle';
  if (step.kind === 'open') return `open ${step.path}`;
  if (step.kind === 'send') return `send ${step.request.toString('base64')} on stream ${step.stream}`;
  try {
    return `${step.path} ${show(decodeRequest(step.path, step.request))}`;
  } catch {
    return `${step.path} with broken bytes ${step.request.toString('base64')}`;
  }
}
