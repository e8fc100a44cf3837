import { eitherSignal } from '../../base/index.ts';
import type { EndSignal } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { ScanOptions } from './options.ts';
import { ScanSize } from './scan-size.ts';
import { Scanner } from './scanner.ts';

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
}

const BATCH_BYTES = 1024 * 1024;
const BATCH_ENTRIES = 1024;

interface ScanRead {
  readonly timestamp: bigint;
  /** For one request. */
  backoff(signal: EndSignal): Backoff;
  /** Rejects if what was read may have been incomplete. */
  verifyKept(backoff: Backoff): Promise<void>;
}

/** See `TikvSnapshot.scan`. */
export async function* scanRange(
  session: Session,
  options: ScanOptions,
  read: ScanRead,
): AsyncGenerator<readonly KeyValue[], void, undefined> {
  const limit = positive(options.limit ?? Infinity, 0);
  const batchBytes = positive(options.batchBytes ?? BATCH_BYTES, 1);
  const batchEntries = positive(options.batchEntries ?? BATCH_ENTRIES, 1);
  const own = new AbortController();
  const signal = options.signal === undefined ? own.signal : eitherSignal(own.signal, options.signal);
  const range = session.keyspace.range(options.gte ?? Buffer.alloc(0), options.lt);
  const scanner = new Scanner(session, read.timestamp, { ...range, reverse: options.reverse ?? false });
  const size = new ScanSize(batchBytes, batchEntries);
  let left = limit;

  async function request(): Promise<KeyValue[]> {
    const backoff = read.backoff(signal);
    const stored = await scanner.next(Math.min(left, size.entries), backoff);
    await read.verifyKept(backoff);
    size.seen(
      stored.length,
      stored.reduce((sum, { key, value }) => sum + key.length + value.length, 0),
    );
    left -= stored.length;
    return stored.map(({ key, value }) => ({
      key: session.keyspace.fromStore(key),
      value: session.values.fromStore(value),
    }));
  }

  let ahead = left > 0 && !scanner.isDone ? request() : undefined;
  try {
    while (ahead !== undefined) {
      const entries = await ahead;
      ahead = left > 0 && !scanner.isDone ? request() : undefined;
      // It is awaited in the next round; until then its failure is nobody's.
      ahead?.catch(() => undefined);
      yield* batches(entries, batchBytes);
    }
  } finally {
    own.abort();
    await ahead?.catch(() => undefined);
  }
}

/** Cuts behind each entry that takes a batch to `bytesMax`. */
function* batches(entries: readonly KeyValue[], bytesMax: number): Generator<readonly KeyValue[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, { key, value }] of entries.entries()) {
    bytes += key.length + value.length;
    if (bytes < bytesMax) continue;
    yield entries.slice(from, at + 1);
    from = at + 1;
    bytes = 0;
  }
  if (from === 0 && entries.length > 0) yield entries;
  else if (from < entries.length) yield entries.slice(from);
}

function positive(value: number, min: number): number {
  if (value === Infinity || (Number.isInteger(value) && value >= min)) return value;
  throw new TikvError('invalid', `A limit of ${value}: it must be a whole number of at least ${min}`);
}
