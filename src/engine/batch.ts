import { assert, compareBytes, equalBytes } from '../base/index.ts';
import type { Bytes } from '../base/index.ts';
import type { Batch, Capabilities, Condition } from './engine.ts';
import { KEY_END } from './engine.ts';
import { EngineError } from './errors.ts';

/** The size of a batch as `commitBytesMax` counts it: the keys and values of its writes. */
export function batchBytes(batch: Batch): number {
  let bytes = 0;
  for (const { key, value } of batch.writes) bytes += key.length + (value === undefined ? 0 : value.length);
  return bytes;
}

/**
 * What every engine does first with a commit: asserts the rules of the contract, and throws an `EngineError` when it
 * is too large or its signal is aborted already.
 */
export function admitBatch(batch: Batch, signal: AbortSignal, capabilities: Capabilities): void {
  assert(batch.writes.length > 0, 'a commit writes something');
  for (const { key } of batch.writes) assertKey(key);
  for (const { key } of batch.conditions) assertWritten(batch, key);
  const bytes = batchBytes(batch);
  if (bytes > capabilities.commitBytesMax) {
    throw new EngineError(
      'too_large',
      `Cannot commit ${bytes} bytes as the engine takes at most ${capabilities.commitBytesMax} in one commit`,
    );
  }
  if (signal.aborted) throw abortedError(signal);
}

export function abortedError(signal: AbortSignal): EngineError {
  return new EngineError('aborted', 'Commit aborted before it was sent', { cause: signal.reason });
}

export function closedError(what: 'engine' | 'snapshot'): EngineError {
  return new EngineError('closed', `Cannot use the ${what}: it is closed`);
}

/** Whether `condition` holds for a key whose stored value is `stored`. */
export function holds(condition: Condition, stored: Bytes | undefined): boolean {
  if (condition.is === 'absent') return stored === undefined;
  return stored !== undefined && equalBytes(stored, condition.value);
}

export function assertKey(key: Bytes): void {
  assert(key.length > 0, 'a key is not empty');
  if (key[0] === 0xff) assert(compareBytes(key, KEY_END) < 0, 'a key sorts below the keys of the engines');
}

function assertWritten(batch: Batch, key: Bytes): void {
  for (const write of batch.writes) if (equalBytes(write.key, key)) return;
  assert(false, 'a condition is on a key that the same commit writes');
}
