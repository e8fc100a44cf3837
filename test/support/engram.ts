import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, decodeResponse, encodeRequest } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';
import { ENGRAM_MAIN, freePort, start } from './process.ts';
import type { Running } from './process.ts';

const KV = '/etcdserverpb.KV/';

/** One directory and one port on which the built Engram is started, killed and started again. */
export class EngramProcess {
  readonly directory: string;
  readonly port: number;
  readonly logFile: string;
  /** Given at every start, after the others. */
  flags: readonly string[] = [];
  metricsUrl = 'http://127.0.0.1:0';
  #running: Running | undefined;

  private constructor(directory: string, port: number, logDirectory: string) {
    this.directory = directory;
    this.port = port;
    this.logFile = join(logDirectory, 'engram.log');
  }

  static async at(directory: string, logDirectory = directory): Promise<EngramProcess> {
    return new EngramProcess(directory, await freePort(), logDirectory);
  }

  get dataDir(): string {
    return join(this.directory, 'data');
  }

  get target(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts the server, under `wrapper` if one is given (such as strace and its arguments), without waiting for it. */
  launch(wrapper: readonly string[] = [], extra: readonly string[] = []): Running {
    const program = [
      process.execPath,
      ENGRAM_MAIN,
      'serve',
      `--data-dir=${this.dataDir}`,
      `--listen-client-urls=http://127.0.0.1:${this.port}`,
      `--listen-metrics-urls=${this.metricsUrl}`,
      '--log-format=json',
      ...this.flags,
      ...extra,
    ];
    const [command, ...args] = [...wrapper, ...program];
    this.#running = start(command!, args, this.logFile);
    return this.#running;
  }

  /** Starts the server and waits until it answers. */
  async up(wrapper: readonly string[] = [], extra: readonly string[] = []): Promise<Client> {
    const running = this.launch(wrapper, extra);
    const client = new Client(this.target);
    const untilMs = Date.now() + 30_000;
    for (;;) {
      const { error } = await client.range({ key: Buffer.from('a') });
      if (error === undefined) return client;
      if (running.child.exitCode !== null)
        throw new Error(`Cannot start: exit ${running.child.exitCode}, ${this.log()}`);
      if (Date.now() > untilMs) throw new Error(`Cannot reach the server: ${this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  stop(signal: NodeJS.Signals): Promise<void> {
    return this.#running?.stop(signal) ?? Promise.resolve();
  }

  pid(): number {
    return this.#running?.pid ?? 0;
  }

  async exited(): Promise<void> {
    await this.#running?.exited;
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-12).join('\n');
  }
}

export interface Answer {
  readonly message: Message;
  readonly error?: { readonly code: number; readonly text: string };
}

/** A client of the calls that the suites need. */
export class Client {
  readonly connection: Connection;

  constructor(target: string) {
    this.connection = new Connection(target);
  }

  put = (message: Message): Promise<Answer> => this.call(`${KV}Put`, message);
  range = (message: Message): Promise<Answer> => this.call(`${KV}Range`, message);
  txn = (message: Message): Promise<Answer> => this.call(`${KV}Txn`, message);
  compact = (message: Message): Promise<Answer> => this.call(`${KV}Compact`, message);

  async call(path: string, message: Message): Promise<Answer> {
    const { messages, error } = await this.connection.call(path, encodeRequest(path, message));
    if (error !== undefined) return { message: {}, error };
    return { message: decodeResponse(path, messages[0]!) };
  }

  close(): void {
    this.connection.close();
  }
}

export const headerRevision = ({ message }: Answer): number =>
  Number((message['header'] as Message | null)?.['revision'] ?? 0);
