/**
 * - `unknownFlag`: no such flag; the message suggests the nearest one;
 * - `repeatedFlag`: given twice in one place;
 * - `missingValue`: a flag that takes a value has none;
 * - `invalidValue`: a value that its type or bounds do not allow;
 * - `unexpectedArgument`: something that is not a flag;
 * - `unreadableFile`: the file of `--config-file` cannot be read or parsed.
 */
export type ConfigErrorCode =
  'unknownFlag' | 'repeatedFlag' | 'missingValue' | 'invalidValue' | 'unexpectedArgument' | 'unreadableFile';

/** A configuration that is refused. The message names the place (flag, variable or file key) and what is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: ConfigErrorCode;
  readonly retryable = false;

  constructor(code: ConfigErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
