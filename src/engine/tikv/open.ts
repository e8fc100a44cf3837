import type { TikvEnvironment } from '../../tikv/index.ts';
import { TikvClient, TikvError } from '../../tikv/index.ts';
import { engineError } from './errors.ts';
import type { TikvEngineOptions } from './engine.ts';

const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 5000;

type OpenOptions = Pick<TikvEngineOptions, 'pd' | 'tls' | 'keyPrefix' | 'environment' | 'signal'>;

/** A client, as soon as a placement driver answers; each failure is a line in the log. */
export async function openClient(options: OpenOptions): Promise<TikvClient> {
  const { pd, tls, keyPrefix, environment, signal } = options;
  const { logger } = environment;
  for (let attempt = 0; ; attempt++) {
    try {
      const client = await TikvClient.open({
        ...{ pd, environment },
        ...(tls !== undefined && { tls }),
        ...(keyPrefix !== undefined && { keyPrefix }),
      });
      logger.info('connected to TiKV', { pd, clusterId: String(client.clusterId) });
      return client;
    } catch (error) {
      const isRetried =
        error instanceof TikvError && error.code === 'unavailable' && signal?.aborted !== true;
      if (!isRetried) throw engineError('open TiKV', error);
      const waitMs = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(attempt, 10));
      logger.warn('cannot reach the placement driver of TiKV, it is tried again', {
        ...{ pd, waitMs, attempt: attempt + 1 },
        error: error.message,
      });
      await pause(environment, waitMs, signal);
    }
  }
}

function pause(
  { scheduler }: TikvEnvironment,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      signal?.removeEventListener('abort', finish);
      cancel();
      resolve();
    };
    const cancel = scheduler.after(delayMs, finish);
    signal?.addEventListener('abort', finish);
    if (signal?.aborted === true) finish();
  });
}
