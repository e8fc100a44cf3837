import { describe } from 'vitest';
import { commitTests } from './commit-tests.ts';
import { lifecycleTests } from './lifecycle-tests.ts';
import { scanTests } from './scan-tests.ts';
import { snapshotTests } from './snapshot-tests.ts';
import type { Subject } from './subject.ts';

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
