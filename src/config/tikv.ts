import { ConfigError } from './errors.ts';
import type { Values } from './schema.ts';

/** A value has to fit one entry of TiKV's replicated log, 8 MiB, together with what is committed beside it. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;

/** What the settings of the tikv engine must fulfil together. */
export function checkTikv(values: Values, warn: (message: string) => void): void {
  const { engine, tikvPd, tikvCacert, tikvCert, tikvKey, maxRequestBytes } = values;
  if (engine !== 'tikv') {
    if (tikvPd.length > 0) warn(`--tikv-pd is ignored, because the engine is ${engine}`);
    return;
  }
  if (tikvPd.length === 0) throw invalid('--engine tikv needs --tikv-pd');
  if (tikvCert !== undefined && tikvKey === undefined) throw invalid('--tikv-cert needs --tikv-key');
  if (tikvKey !== undefined && tikvCert === undefined) throw invalid('--tikv-key needs --tikv-cert');
  if (tikvCert !== undefined && tikvCacert === undefined) throw invalid('--tikv-cert needs --tikv-cacert');
  if (maxRequestBytes > REQUEST_BYTES_MAX) {
    throw invalid(
      `--max-request-bytes must be at most ${REQUEST_BYTES_MAX} with --engine tikv, not ${maxRequestBytes}`,
    );
  }
}

function invalid(message: string): ConfigError {
  return new ConfigError('invalidValue', message);
}
