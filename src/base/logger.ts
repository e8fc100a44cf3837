type Fields = Readonly<Record<string, unknown>>;

/** One line per event: a fixed message, the variable data in fields. `telemetry/` puts pino behind it. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger whose lines also carry `fields`. */
  child(fields: Fields): Logger;
}

/** Says nothing. For tests. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
