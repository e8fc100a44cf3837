import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { ENGRAM_MAIN, start, temporaryDirectory, type Running } from '../support/process.ts';
import { eventually } from '../support/suite.ts';

/** The built Engram in a process of its own, on free ports, with data in memory. */
export class Target {
  readonly #running: Running;
  readonly #logFile: string;
  readonly #url: URL;

  private constructor(running: Running, logFile: string, url: string) {
    this.#running = running;
    this.#logFile = logFile;
    this.#url = new URL(url);
  }

  static async start(scheme: 'http' | 'https'): Promise<Target> {
    const directory = temporaryDirectory('h2spec');
    const logFile = join(directory, `${scheme}.log`);
    const args = [
      ENGRAM_MAIN,
      'serve',
      '--engine=memory',
      `--data-dir=${join(directory, 'data')}`,
      `--listen-client-urls=${scheme}://127.0.0.1:0`,
      '--listen-metrics-urls=http://127.0.0.1:0',
      '--log-format=json',
      ...(scheme === 'https' ? ['--auto-tls'] : []),
    ];
    writeFileSync(logFile, '');
    const running = start(process.execPath, args, logFile);
    try {
      const url = await eventually('the server listening', 30_000, async () => {
        if (running.child.exitCode !== null)
          throw new Error(`Cannot start: ${readFileSync(logFile, 'utf8')}`);
        const serving = linesOf(logFile).find((line) => line.msg === 'serving');
        return serving?.clientUrls?.[0];
      });
      return new Target(running, logFile, url);
    } catch (error) {
      await running.stop();
      throw error;
    }
  }

  get port(): string {
    return this.#url.port;
  }

  /** Asks for /health as another client would. */
  async health(): Promise<string> {
    const client = connectHttp2(this.#url, { rejectUnauthorized: false });
    try {
      const stream = client.request({ ':path': '/health' });
      stream.setEncoding('utf8');
      let body = '';
      stream.on('data', (text: string) => (body += text));
      await once(stream, 'end');
      return body;
    } finally {
      client.destroy();
    }
  }

  /** Lines of the log that say that something is wrong with the server, not with its client. */
  errors(): readonly string[] {
    return linesOf(this.#logFile)
      .filter(({ level }) => level !== 'debug' && level !== 'info' && level !== 'warn')
      .map((line) => JSON.stringify(line));
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly clientUrls?: readonly string[];
}

/** A line that is not JSON (a crash prints such) has no level. */
function linesOf(logFile: string): readonly LogLine[] {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map(parsed);
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
