import { pino, stdSerializers } from 'pino';
import type { Logger } from '../base/index.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'panic' | 'fatal';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `json`: one object a line. `console`: for people. */
  readonly format: 'json' | 'console';
  /** Takes whole lines. @default standard error */
  readonly write?: (line: string) => void;
}

/** A logger on pino. Lines have been handed over when a call returns, so that none is lost when the process ends. */
export function createLogger({ level, format, write = toStandardError }: LoggerOptions): Logger {
  const destination = { write: format === 'json' ? write : (line: string) => write(forPeople(line)) };
  const root = pino(
    {
      // etcd's `panic` has no counterpart: only what ends the process is logged then.
      level: level === 'panic' ? 'fatal' : level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError, cause: serializeError },
    },
    destination,
  );
  return new PinoLogger(root);
}

interface PinoLike {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): PinoLike;
}

class PinoLogger implements Logger {
  readonly #pino: PinoLike;

  constructor(logger: PinoLike) {
    this.#pino = logger;
  }

  debug(message: string, fields: object = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: object = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: object = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: object = {}): void {
    this.#pino.error(fields, message);
  }

  child(fields: object): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}

function serializeError(value: unknown): unknown {
  return value instanceof Error ? stdSerializers.err(value) : value;
}

function toStandardError(line: string): void {
  process.stderr.write(line);
}

/** `12:04:05.123 info  message  field=value`, with a stack below it if there is one. */
function forPeople(line: string): string {
  const { ts, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const time = String(ts).slice(11, 23);
  let stack = '';
  const shown = Object.entries(fields).map(([key, value]) => {
    if (!isErrorObject(value)) return `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
    stack += `\n${value.stack}`;
    return `${key}=${value.message}`;
  });
  const tail = shown.length === 0 ? '' : `  ${shown.join(' ')}`;
  return `${time} ${String(level).padEnd(5)} ${String(msg)}${tail}${stack}\n`;
}

function isErrorObject(value: unknown): value is { message: string; stack: string } {
  return typeof value === 'object' && value !== null && 'stack' in value && 'message' in value;
}
