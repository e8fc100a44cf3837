import { Channels } from './channels.ts';
import type { TikvEnvironment } from './environment.ts';
import { openPlacementDriver } from './pd/placement-driver.ts';
import type { PlacementDriver } from './pd/pd.ts';
import type { Rpc } from './rpc.ts';
import { StoreRpc } from './store-rpc.ts';
import type { TlsOptions } from './tls.ts';
import { plainCredentials, TlsCredentials } from './tls.ts';

/** What a client speaks through. */
export interface Connections {
  readonly pd: PlacementDriver;
  readonly rpc: Rpc;
  /** Closes both. */
  close(): Promise<void>;
}

interface ConnectOptions {
  readonly pd: readonly string[];
  readonly tls?: TlsOptions;
  readonly environment: TikvEnvironment;
}

/** Connects over gRPC. Rejects with what `TikvClient.open` does; nothing is left open then. */
export async function connect({ pd: endpoints, tls, environment }: ConnectOptions): Promise<Connections> {
  const credentials =
    tls === undefined ? plainCredentials : await TlsCredentials.open(tls, environment.clock);
  const pd = await openPlacementDriver({ endpoints, environment, credentials });
  const rpc = new StoreRpc(new Channels({ scheduler: environment.scheduler, credentials }));
  return {
    pd,
    rpc,
    async close() {
      rpc.close();
      await pd.close();
    },
  };
}
