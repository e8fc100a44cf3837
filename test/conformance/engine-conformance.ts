import { describe } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { commitTests } from './commit-tests.ts';
import { lifecycleTests } from './lifecycle-tests.ts';
import { scanTests } from './scan-tests.ts';
import { snapshotTests } from './snapshot-tests.ts';

/** What a run of the suite is about. Each test opens an empty store of its own. */
export interface Subject {
  readonly name: string;
  /** A fresh, empty store. */
  open(options: OpenOptions): Promise<Opened>;
}
export interface OpenOptions {
  readonly commitBytesMax?: number;
}
export interface Opened {
  readonly engine: Engine;
  /** Opens the same store again after its engine has been closed. Absent where nothing survives a close. */
  readonly reopen?: () => Promise<Engine>;
  /** Closes what is still open and removes what was stored. */
  dispose(): Promise<void>;
}

/**
 * What every engine promises (src/engine/engine.ts), as tests. Runs for each engine, and for each wrapper around one
 * while it injects nothing.
 */
export function engineConformance(subject: Subject): void {
  describe(`engine conformance: ${subject.name}`, () => {
    commitTests(subject);
    snapshotTests(subject);
    scanTests(subject);
    lifecycleTests(subject);
  });
}
