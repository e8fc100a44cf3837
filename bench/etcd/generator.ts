import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { TaskAnswer, TaskInput, TaskName, TaskOutput } from './load/tasks.ts';

/** The load generator in a process of its own. One task at a time. */
export class Generator {
  readonly #child: ChildProcess;
  #waiting: ((answer: TaskAnswer) => void) | undefined;

  constructor() {
    const program = join(import.meta.dirname, 'load', 'main.ts');
    this.#child = fork(program, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
    this.#child.on('message', (answer) => this.#settle(answer as TaskAnswer));
    this.#child.on('exit', (code) => this.#settle({ error: `the generator ended with ${code}` }));
  }

  async task<N extends TaskName>(name: N, input: TaskInput<N>): Promise<TaskOutput<N>> {
    const answered = new Promise<TaskAnswer>((resolve) => (this.#waiting = resolve));
    this.#child.send({ name, input });
    const answer = await answered;
    if ('error' in answer) throw new Error(`Cannot do ${name}: ${answer.error}`);
    return answer.output as TaskOutput<N>;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }

  #settle(answer: TaskAnswer): void {
    this.#waiting?.(answer);
    this.#waiting = undefined;
  }
}
