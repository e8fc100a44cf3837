/** One schema of settings: flags, variables, file, defaults, help. */

export { ConfigError, type ConfigErrorCode } from './errors.ts';
export { describeSettings } from './help.ts';
export { isEveryAddress } from './peers.ts';
export { defaultQuotaBytes } from './quota.ts';
export type { Retention } from './retention.ts';
export { readSettings, type Settings, type SettingsSource } from './settings.ts';
