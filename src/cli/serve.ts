import type { Logger } from '../base/index.ts';
import { ClusterError } from '../cluster/index.ts';
import { ConfigError, readSettings, type Settings } from '../config/index.ts';
import { EngineError } from '../engine/index.ts';
import { LogError } from '../log/index.ts';
import { createLogger } from '../telemetry/index.ts';
import { TransportError } from '../transport/index.ts';
import { startServer, type RunningServer } from './compose.ts';
import { letHeapGrow } from './heap.ts';
import { PortError } from './listeners.ts';
import { exitOnUncaught, stopOnSignals } from './signals.ts';
import { ENGRAM_VERSION } from './version.ts';

/** `engram serve`: runs until a signal ends it. Gives the exit code. */
export async function serve(args: readonly string[]): Promise<number> {
  let read: Awaited<ReturnType<typeof readSettings>>;
  try {
    read = await readSettings({ args });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`engram: ${error.message}\n`);
    return 1;
  }
  letHeapGrow();
  const { settings, warnings } = read;
  const format = settings.logFormat ?? (process.stderr.isTTY ? 'console' : 'json');
  const logger = createLogger({ level: settings.logLevel, format });
  exitOnUncaught(logger);
  for (const warning of warnings) logger.warn(warning);
  logger.info('starting', { version: ENGRAM_VERSION, ...shown(settings) });

  // A signal during the start must not be lost: it ends a start that waits for others, and what runs by then is stopped.
  const starting = new AbortController();
  let failure: Error | undefined;
  let onFailed: (error: Error) => void = () => undefined;
  const stop = new Promise<void>((resolve) => {
    stopOnSignals(logger, () => {
      starting.abort();
      resolve();
    });
    onFailed = (error): void => {
      failure ??= error;
      starting.abort(error);
      resolve();
    };
  });

  let server: RunningServer;
  try {
    server = await startServer(settings, { logger, signal: starting.signal, onFailed });
  } catch (error) {
    if (failure !== undefined) return cannotGoOn(logger, failure);
    if (starting.signal.aborted) {
      logger.info('stopped before it served');
      return 0;
    }
    const message = explain(error);
    if (message === undefined) throw error;
    logger.error(message);
    return 1;
  }
  await stop;
  await server.close();
  if (failure !== undefined) return cannotGoOn(logger, failure);
  logger.info('stopped');
  return 0;
}

function cannotGoOn(logger: Logger, failure: Error): number {
  logger.error('the server cannot go on, it has stopped', { error: failure });
  return 1;
}

/** The effective settings, as one log line shows them. */
function shown(settings: Settings): Record<string, unknown> {
  const { quotaBackendBytes, ...rest } = settings;
  return { ...rest, quotaBackendBytes: Number.isFinite(quotaBackendBytes) ? quotaBackendBytes : 'none' };
}

/** What a user can do something about, in words; undefined for anything else, which is a bug. */
function explain(error: unknown): string | undefined {
  const known = [PortError, TransportError, EngineError, LogError, ClusterError];
  return error instanceof Error && known.some((kind) => error instanceof kind) ? error.message : undefined;
}
