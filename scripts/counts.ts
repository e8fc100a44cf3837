/** How many tests of a suite, or of several, ended how: the closing line that all suites share. */

/** The three ways a test ends. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const line = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;
const colours = /\u001b\[[0-9;]*m/g;

/** What a terminal would show without its colours. */
export function withoutColours(output: string): string {
  return output.replace(colours, '');
}

/** The closing line of a suite. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The last closing line in a suite's output, or undefined if it has none: it ended before it could count. */
export function parseCounts(output: string): Counts | undefined {
  const lines = withoutColours(output).split(/\r?\n/);
  const match = lines.map((text) => line.exec(text.trim())).findLast((found) => found !== null);
  if (match === undefined || match === null) return undefined;
  return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
}

/** The sum of several. */
export function addCounts(all: readonly Counts[]): Counts {
  const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of all) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}
