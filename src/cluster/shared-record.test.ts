/** Goal: whether a record was replaced is found out, or said to be unknown; errors that stay are told. */
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import { SeededRandom } from '../base/index.ts';
import type { Batch, CommitResult, EngineErrorCode } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { MemoryEngine } from '../engine/memory/index.ts';
import { SharedRecord } from './shared-record.ts';

const KEY = Buffer.from('engram/k/some');

/** Fails the first commits. */
class FailingEngine extends MemoryEngine {
  readonly failures: EngineErrorCode[] = [];
  begun = 0;

  override commit(batch: Batch, signal: AbortSignal): Promise<CommitResult> {
    this.begun++;
    const code = this.failures.shift();
    return code === undefined
      ? super.commit(batch, signal)
      : Promise.reject(new EngineError(code, 'on purpose'));
  }
}

async function replace(failures: readonly EngineErrorCode[]) {
  const [time, engine, { signal }] = [new ManualTime(), new FailingEngine(), new AbortController()];
  engine.failures.push(...failures);
  const record = new SharedRecord({
    ...{ engine, key: KEY, scheduler: time, random: new SeededRandom(1), signal },
  });
  let result: unknown = 'under way';
  void record.replace(undefined, Buffer.from('a')).then(
    (replaced) => (result = replaced),
    (error: unknown) => (result = error),
  );
  for (let i = 0; i < 100; i++) {
    for (let j = 0; j < 10; j++) await Promise.resolve();
    time.advance(10);
  }
  return { result, begun: engine.begun, found: await record.read() };
}

describe('replacing a shared record', () => {
  it.each(['too_large', 'locked', 'corrupt', 'behind', 'format'] as const)(
    'fails at once where trying again cannot help: %s',
    async (code) => {
      const { result, begun, found } = await replace([code]);
      expect(result).toBeInstanceOf(EngineError);
      expect(result).toMatchObject({ code });
      expect({ begun, found }).toEqual({ begun: 1, found: undefined });
    },
  );

  it.each(['overloaded', 'unavailable', 'no_space'] as const)('is tried again after %s', async (code) => {
    const { result, begun, found } = await replace([code, code, code]);
    expect({ result, begun, found }).toMatchObject({ result: true, begun: 4, found: Buffer.from('a') });
  });

  it.each(['closed', 'aborted'] as const)('is not known after %s', async (code) => {
    expect(await replace([code])).toMatchObject({ result: undefined, begun: 1 });
  });
});
