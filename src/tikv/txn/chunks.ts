/**
 * Cuts `items` into runs of at most `bytesMax` and `countMax` each, in their order. An item that is larger by itself is
 * a run of its own. No items, no runs.
 */
export function chunks<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  limits: { readonly bytesMax: number; readonly countMax: number },
): T[][] {
  const runs: T[][] = [];
  let run: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (run.length > 0 && (bytes + size > limits.bytesMax || run.length >= limits.countMax)) {
      runs.push(run);
      run = [];
      bytes = 0;
    }
    run.push(item);
    bytes += size;
  }
  if (run.length > 0) runs.push(run);
  return runs;
}
