/** Ends a vitest run with the line that every suite of the project ends with: `N passed, N failed, N skipped`. */

import type { Reporter, TestModule } from 'vitest/node';
import { formatCounts, type Counts } from './counts.ts';

/** The modules and errors of a finished run, as far as counting needs them. */
type Module = Pick<TestModule, 'children' | 'errors'>;

/** A vitest reporter; stands after the default one. */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly Module[], errors: readonly unknown[]): void {
    process.stdout.write(`${formatCounts(countModules(modules, errors))}\n`);
  }
}

/** A module that could not be loaded and an error outside of any test count as one failure each. */
export function countModules(modules: readonly Module[], errors: readonly unknown[]): Counts {
  const counts: Counts = { passed: 0, failed: errors.length, skipped: 0 };
  for (const module of modules) {
    if (module.errors().length > 0) counts.failed++;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that never ran, because its run was cut short, has not passed.
      counts[state === 'pending' ? 'failed' : state]++;
    }
  }
  return counts;
}
