import { residentBytes } from '../../test/support/process-figures.ts';

const SAMPLE_MS = 10;
const MIB = 2 ** 20;

/** Runs `work` and gives how much more resident memory the process had at its highest than before, in MiB. */
export async function growthMiB<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; growth: number }> {
  const before = residentBytes(pid).resident;
  let highest = before;
  const sample = (): void => void (highest = Math.max(highest, residentBytes(pid).resident));
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const result = await work();
    sample();
    return { result, growth: (highest - before) / MIB };
  } finally {
    clearInterval(timer);
  }
}
