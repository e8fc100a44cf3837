import type { EndSignal } from '../base/index.ts';
import type { Backoff } from './backoff.ts';
import type { Background } from './background.ts';
import type { TikvEnvironment } from './environment.ts';
import type { Keyspace } from './keyspace.ts';
import type { LockResolver } from './lock/resolver.ts';
import type { Oracle } from './oracle.ts';
import type { PlacementDriver } from './pd/pd.ts';
import type { Regions } from './region/regions.ts';
import type { ValueCodec } from './values.ts';

/** What the reads and the commits of one client share. */
export interface Session {
  readonly environment: TikvEnvironment;
  readonly pd: PlacementDriver;
  readonly oracle: Oracle;
  readonly regions: Regions;
  readonly resolver: LockResolver;
  readonly background: Background;
  readonly keyspace: Keyspace;
  readonly values: ValueCodec;
  /** For a read. Also ends when the client is closed. Throws TikvError `closed` or `aborted` at once if that is so. */
  readBackoff(budgetMs: number, signal?: EndSignal): Backoff;
  /** For a write, which a close lets end. */
  writeBackoff(budgetMs: number): Backoff;
}
