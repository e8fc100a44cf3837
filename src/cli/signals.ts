import type { Logger } from '../base/index.ts';

/** The shell's exit codes for a process that a signal ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first SIGTERM or SIGINT runs `stop`; a second one ends the process at once. */
export function stopOnSignals(logger: Logger, stop: () => void): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(EXIT_CODES[signal]);
      stopping = true;
      logger.info('stopping', { signal });
      stop();
    });
  }
}

/** A bug that nobody caught: logged, and the end, because what it left behind is unknown. sysexits.h calls it 70. */
export function exitOnUncaught(logger: Logger): void {
  const end = (error: unknown): void => {
    logger.error('uncaught error, the process ends', { error });
    process.exit(70);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
