import type { MeasuredServer } from '../../test/support/measured-server.ts';
import type { Generator } from './generator.ts';
import type { Measurement } from './measurement.ts';
import type { ServerKind } from './servers.ts';
import type { Sizes } from './sizes.ts';

/** A line of the table. */
export interface Row {
  /** As `--only` names it. */
  readonly name: string;
  /** As the table does. */
  readonly title: string;
  /** What one operation is: `call`, `list`, `event`. */
  readonly operation: string;
}

/** A running server and the generator that is connected to it. */
export interface Session {
  readonly kind: ServerKind;
  readonly server: MeasuredServer;
  readonly generator: Generator;
  readonly sizes: Sizes;
  /** Whether the row is to be measured. */
  readonly wants: (row: string) => boolean;
  /** Makes the generator's connections, in place of those it has. */
  readonly connect: (connections: number) => Promise<void>;
  /** A second generator, connected too; its caller stops it. */
  readonly anotherGenerator: (connections: number) => Promise<Generator>;
  /** Stops and starts the server; its connections are gone after that. */
  readonly restart: () => Promise<void>;
}

export type Measurements = Readonly<Record<string, Measurement>>;

/** Rows that are measured on one start of a server, one after the other. */
export interface Group {
  readonly rows: readonly Row[];
  /** Over mutual TLS. */
  readonly isSecure?: boolean;
  /** Only this often, whatever was asked for. */
  readonly roundsMax?: number;
  readonly servers?: readonly ServerKind[];
  /**
   * Fills a server, once. With it, the server is started anew on the same data in each round, and `run` must not
   * write; without it, each round has a new server without data.
   */
  readonly prepare?: (session: Session) => Promise<void>;
  readonly run: (session: Session) => Promise<Measurements>;
}
