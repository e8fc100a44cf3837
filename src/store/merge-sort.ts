import type { Budget, Steps } from './slices.ts';

/** Positions are sorted in runs of this many, which are then merged. */
const RUN = 512;

/** Sorts `order` in slices, keeping equal ones as they are; uses it up and returns the sorted positions. */
export function* mergeSort(
  order: Uint32Array,
  compare: (a: number, b: number) => number,
  budget: Budget,
): Steps<Uint32Array> {
  for (let from = 0; from < order.length; from += RUN) {
    order.subarray(from, from + RUN).sort(compare);
    if (budget.spend(RUN * 4)) yield undefined;
  }
  if (order.length <= RUN) return order;
  let source = order;
  let target: Uint32Array = new Uint32Array(order.length);
  for (let width = RUN; width < order.length; width *= 2) {
    for (let from = 0; from < order.length; from += width * 2) {
      const middle = Math.min(from + width, order.length);
      const end = Math.min(middle + width, order.length);
      let left = from;
      let right = middle;
      for (let at = from; at < end; at++) {
        const takesLeft = left < middle && (right >= end || compare(source[left]!, source[right]!) <= 0);
        target[at] = takesLeft ? source[left++]! : source[right++]!;
        if ((at & 511) === 511 && budget.spend(1024)) yield undefined;
      }
    }
    const merged = target;
    target = source;
    source = merged;
  }
  return source;
}
