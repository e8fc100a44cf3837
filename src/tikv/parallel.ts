/**
 * Runs `work` for every item, at most `concurrencyMax` at a time, and waits for all of them even if one fails: nothing
 * is still under way when it settles. Rejects with the first failure; no further item is begun after one.
 *
 * @returns the results in the order of `items`.
 */
export async function parallel<T, R>(
  items: readonly T[],
  concurrencyMax: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  if (items.length === 1) return [await work(items[0]!)];
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  async function lane(): Promise<void> {
    while (next < items.length && failures.length === 0) {
      const at = next++;
      try {
        results[at] = await work(items[at]!);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrencyMax, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}
