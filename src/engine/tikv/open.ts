import type { TikvEnvironment } from '../../tikv/index.ts';
import { TikvClient, TikvError } from '../../tikv/index.ts';
import { EngineError } from '../index.ts';
import { engineError } from './errors.ts';
import type { TikvEngineOptions } from './options.ts';

const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 5000;
/** An attempt of the client takes longer than somebody who looks at the log should be left in the dark. */
const SILENCE_MS_MAX = 2000;

type OpenOptions = Pick<TikvEngineOptions, 'pd' | 'tls' | 'keyPrefix' | 'environment' | 'signal'>;

/** A client, as soon as a placement driver answers; waiting and each failure are lines in the log. */
export async function openClient(options: OpenOptions): Promise<TikvClient> {
  const { pd, environment, signal } = options;
  const { logger, scheduler } = environment;
  for (let attempt = 0; ; attempt++) {
    const cancel = scheduler.after(SILENCE_MS_MAX, () => {
      logger.warn('waiting for a placement driver of TiKV to answer', { pd });
    });
    try {
      const client = await unlessAborted(open(options), signal);
      logger.info('connected to TiKV', { pd, clusterId: String(client.clusterId) });
      return client;
    } catch (error) {
      if (!(error instanceof TikvError) || error.code !== 'unavailable')
        throw engineError('open TiKV', error);
      const waitMs = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(attempt, 10));
      logger.warn('cannot reach a placement driver of TiKV, it is tried again', {
        ...{ pd, waitMs, attempt: attempt + 1 },
        error: error.message,
      });
      await unlessAborted(pause(environment, waitMs), signal);
    } finally {
      cancel();
    }
  }
}

function open({ pd, tls, keyPrefix, environment }: OpenOptions): Promise<TikvClient> {
  return TikvClient.open({
    ...{ pd, environment },
    ...(tls !== undefined && { tls }),
    ...(keyPrefix !== undefined && { keyPrefix }),
  });
}

function pause({ scheduler }: TikvEnvironment, delayMs: number): Promise<undefined> {
  return new Promise((resolve) => void scheduler.after(delayMs, () => resolve(undefined)));
}

/** Rejects at once when `signal` is aborted; a client that comes after that is closed. */
function unlessAborted<T extends TikvClient | undefined>(
  coming: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const abort = () => {
      isOver = true;
      reject(new EngineError('aborted', 'Opening TiKV was aborted', { cause: signal?.reason }));
    };
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    coming
      .then((value) => {
        if (!isOver) resolve(value);
        else void value?.close();
      }, reject)
      .finally(() => signal?.removeEventListener('abort', abort));
  });
}
