import { expect } from 'vitest';
import type { Bytes } from '../../src/base/index.ts';
import { EngineError } from '../../src/engine/index.ts';
import type {
  CommitResult,
  Condition,
  Engine,
  EngineErrorCode,
  ScanRange,
  Snapshot,
} from '../../src/engine/index.ts';
import type { Opened, OpenOptions, Subject } from './subject.ts';

export const NEVER = new AbortController().signal;
export const COMMITTED: CommitResult = { kind: 'committed' };
/** Below every key, and above every key that the tests use. */
export const FIRST = Buffer.from([0]);
export const LAST = Buffer.from([0xff, 0xff]);

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function text(value: Bytes | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString('latin1');
}

/** Runs `use` on an engine over a fresh store, which is gone afterwards. */
export async function withEngine(
  subject: Subject,
  use: (engine: Engine, opened: Opened) => Promise<void>,
  options: OpenOptions = {},
): Promise<void> {
  const opened = await subject.open(options);
  try {
    await use(opened.engine, opened);
  } finally {
    await opened.dispose();
  }
}

/** Commits `writes` (key -> value, or undefined to remove it) under `conditions`. */
export function commit(
  engine: Engine,
  writes: Record<string, string | undefined>,
  conditions: readonly Condition[] = [],
): Promise<CommitResult> {
  const list = Object.entries(writes).map(([key, value]) => ({
    key: bytes(key),
    value: value === undefined ? undefined : bytes(value),
  }));
  return engine.commit({ conditions, writes: list }, NEVER);
}

export function absent(key: string): Condition {
  return { key: bytes(key), is: 'absent' };
}

export function equal(key: string, value: string): Condition {
  return { key: bytes(key), is: 'equal', value: bytes(value) };
}

export async function read(engine: Engine, key: string): Promise<string | undefined> {
  await using snapshot = await engine.snapshot();
  return text(await snapshot.get(bytes(key)));
}

/** The whole scan as `key=value` strings. */
export async function scan(snapshot: Snapshot, range: ScanRange): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of snapshot.scan(range)) {
    expect(batch.length).toBeGreaterThan(0);
    for (const { key, value } of batch) found.push(`${text(key)}=${text(value)}`);
  }
  return found;
}

export async function content(engine: Engine): Promise<string[]> {
  await using snapshot = await engine.snapshot();
  return await scan(snapshot, { gte: FIRST, lt: LAST });
}

export async function expectCode(promise: Promise<unknown>, code: EngineErrorCode): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).code).toBe(code);
}
