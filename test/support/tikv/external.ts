import { randomBytes } from 'node:crypto';
import { TikvClient } from '../../../src/tikv/index.ts';
import type { Mutation, TlsOptions } from '../../../src/tikv/index.ts';
import type { RegionState, TestCluster } from './cluster.ts';

const TRIAL = /^engram-trial\/[0-9a-f]{12}\/$/;
/** Locks of dead transactions are met, and live for seconds. */
const budgetMs = 60_000;
const attemptsMax = 10;

interface ExternalOptions {
  readonly pd: readonly string[];
  readonly tls?: TlsOptions | undefined;
  /** `engram-trial/NUMBER/` @default a new number */
  readonly keyPrefix?: string | undefined;
}

/**
 * A cluster that is there, and that a test may do nothing to but to read, write and cut regions below one prefix: what
 * needs more is skipped on it. Whoever made it calls `removeAll` at the end.
 */
export class ExternalCluster implements TestCluster {
  readonly name = 'cluster';
  readonly pd: readonly string[];
  readonly tls?: TlsOptions;
  readonly keyPrefix: string;
  #splitter: Promise<TikvClient> | undefined;

  constructor({ pd, tls, keyPrefix = `engram-trial/${randomBytes(6).toString('hex')}/` }: ExternalOptions) {
    // All below it is deleted in the end: an empty one would be the whole cluster.
    if (!TRIAL.test(keyPrefix))
      throw new RangeError(`A trial is called engram-trial/ and 12 digits of hex and /, not "${keyPrefix}"`);
    this.pd = pd;
    this.keyPrefix = keyPrefix;
    if (tls !== undefined) this.tls = tls;
  }

  can(what: string): boolean {
    return what === 'splits';
  }

  async split(key: Uint8Array): Promise<void> {
    this.#splitter ??= this.#open('');
    await (await this.#splitter).splitAt([key], { budgetMs });
  }

  stores = (): Promise<readonly bigint[]> => this.#refuse();
  regions = (): Promise<readonly RegionState[]> => this.#refuse();
  merge = (): Promise<void> => this.#refuse();
  transfer = (): Promise<void> => this.#refuse();
  stopStore = (): Promise<void> => this.#refuse();
  startStore = (): Promise<void> => this.#refuse();
  pdStop = (): Promise<void> => this.#refuse();
  pdStart = (): Promise<void> => this.#refuse();
  pdLead = (): Promise<void> => this.#refuse();
  shiftClock = (): Promise<void> => this.#refuse();
  fault = (): Promise<void> => this.#refuse();
  calls = (): Promise<Readonly<Record<string, number>>> => this.#refuse();

  /** There are none to clear. */
  clearFaults(): Promise<void> {
    return Promise.resolve();
  }

  violations(): readonly string[] {
    return [];
  }

  async close(): Promise<void> {
    await (await this.#splitter)?.close();
    this.#splitter = undefined;
  }

  /**
   * Deletes every key of the trial, and with them the locks that were left. What cannot be undone are versions that TiKV
   * collects some day, and cuts between regions, which it closes by itself.
   *
   * @returns how many keys there were
   */
  async removeAll(): Promise<number> {
    await using client = await this.#open(this.keyPrefix);
    let count = 0;
    for (;;) {
      const found = await removeOnce(client);
      count += found;
      // A scan that finds nothing has met no lock either.
      if (found === 0) return count;
    }
  }

  #open(keyPrefix: string): Promise<TikvClient> {
    return TikvClient.open({
      ...{ pd: this.pd, keyPrefix: Buffer.from(keyPrefix) },
      // What lies there need not have been written by the client: a check leaves what others might.
      values: 'plain',
      ...(this.tls && { tls: this.tls }),
    });
  }

  #refuse(): Promise<never> {
    return Promise.reject(new Error('Nothing may be done to a cluster that is only visited'));
  }
}

async function removeOnce(client: TikvClient): Promise<number> {
  const snapshot = await client.snapshot();
  let count = 0;
  for await (const batch of snapshot.scan({ budgetMs, batchEntries: 256 })) {
    await remove(
      client,
      batch.map(({ key }) => ({ op: 'delete', key })),
    );
    count += batch.length;
  }
  return count;
}

async function remove(client: TikvClient, mutations: readonly Mutation[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await client.commit(mutations, { startTimestamp: await client.timestamp(), budgetMs });
    if (outcome.kind === 'committed') return;
    if (attempt === attemptsMax) throw new Error(`Cannot delete ${mutations.length} keys: ${outcome.kind}`);
  }
}

/**
 * The cluster that `TIKV_PD` names (`host:port,...`), over TLS with `TIKV_CACERT`, `TIKV_CERT` and `TIKV_KEY`; `TIKV_TRIAL`
 * continues a trial. Undefined if it names none.
 */
export function externalCluster(env: NodeJS.ProcessEnv): ExternalCluster | undefined {
  const { TIKV_PD: pd, TIKV_CACERT: ca, TIKV_CERT: cert, TIKV_KEY: key, TIKV_TRIAL: keyPrefix } = env;
  if (pd === undefined) return undefined;
  const isSecured = [ca, cert, key].some((path) => path !== undefined);
  return new ExternalCluster({
    pd: pd.split(','),
    tls: isSecured ? { ca, cert, key } : undefined,
    keyPrefix,
  });
}
