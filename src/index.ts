/** Engram as a library: a server inside another program. */

import { silentLogger, type Logger } from './base/index.ts';
import { startServer, type RunningServer } from './cli/compose.ts';
import { readSettings, type Settings } from './config/index.ts';

export type { Logger } from './base/index.ts';
export type { RunningServer } from './cli/compose.ts';
export { ConfigError, type Settings } from './config/index.ts';
export { ENGRAM_VERSION } from './cli/version.ts';

/**
 * Starts a server with the defaults of the command line, less what `overrides` sets. It takes no signals and reads no
 * variables: stopping it is up to the caller.
 */
export async function serve(
  overrides: Partial<Settings> = {},
  options: { readonly logger?: Logger } = {},
): Promise<RunningServer> {
  const { settings } = await readSettings({ args: [], environment: {} });
  return startServer({ ...settings, ...overrides }, { logger: options.logger ?? silentLogger });
}
