/** One client call. `ret` is Infinity and `output` undefined when the outcome is unknown. */
export interface Operation<I, O> {
  readonly client: number;
  readonly input: I;
  readonly call: number;
  readonly output: O | undefined;
  readonly ret: number;
}

/** Sequential specification. `step` is pure: it returns the next state, or undefined if illegal. */
export interface Model<S, I, O> {
  readonly init: S;
  step(state: S, input: I, output: O | undefined): S | undefined;
  key(state: S): string;
}

export type Verdict =
  | { readonly kind: 'ok'; readonly order: readonly number[] }
  | { readonly kind: 'illegal'; readonly deepest: readonly number[]; readonly stuck: readonly number[] }
  | { readonly kind: 'unknown'; readonly steps: number };

interface Frame<S> {
  readonly state: S;
  readonly chosen: number;
  readonly candidates: readonly number[];
  next: number;
}

/**
 * Wing & Gong search with Lowe's memoisation: depth-first over "which pending call took effect
 * next", remembering every (set of linearized calls, state) already explored.
 *
 * Calls with an unknown outcome may take effect at any point after they began, or never; so the
 * search succeeds as soon as every call that *returned* is placed. The budget counts model steps,
 * not milliseconds, to keep verdicts reproducible.
 */
export function checkLinearizable<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
  stepsMax = 1_000_000,
): Verdict {
  const ops = [...history].sort((a, b) => a.call - b.call);
  const done = new Uint8Array(ops.length);
  let remaining = ops.filter((op) => op.ret !== Infinity).length;
  let low = 0; // Every op before `low` is linearized.

  // An op may go next unless some other returned, unplaced op returned before it was called.
  const candidatesNow = (): number[] => {
    while (low < ops.length && done[low] === 1) low++;
    let retMin = Infinity;
    const open: number[] = [];
    for (let i = low; i < ops.length && ops[i]!.call <= retMin; i++) {
      if (done[i] === 1) continue;
      open.push(i);
      retMin = Math.min(retMin, ops[i]!.ret);
    }
    return open.filter((i) => ops[i]!.call <= retMin);
  };

  const seen = new Set<string>();
  const stack: Frame<S>[] = [{ state: model.init, chosen: -1, candidates: candidatesNow(), next: 0 }];
  let deepest: number[] = [];
  let stuck: readonly number[] = [];

  for (let steps = 0; steps < stepsMax;) {
    if (remaining === 0) return { kind: 'ok', order: stack.slice(1).map((f) => f.chosen) };
    const frame = stack[stack.length - 1]!;
    const i = frame.candidates[frame.next++];
    if (i === undefined) {
      if (stack.length - 1 >= deepest.length) {
        deepest = stack.slice(1).map((f) => f.chosen);
        stuck = frame.candidates;
      }
      stack.pop();
      if (stack.length === 0) return { kind: 'illegal', deepest, stuck };
      done[frame.chosen] = 0;
      low = Math.min(low, frame.chosen);
      if (ops[frame.chosen]!.ret !== Infinity) remaining++;
      continue;
    }
    steps++;
    const op = ops[i]!;
    const state = model.step(frame.state, op.input, op.output);
    if (state === undefined) continue;
    done[i] = 1;
    const memo = `${bits(done, low)}|${model.key(state)}`;
    if (seen.has(memo)) {
      done[i] = 0;
      continue;
    }
    seen.add(memo);
    if (op.ret !== Infinity) remaining--;
    stack.push({ state, chosen: i, candidates: candidatesNow(), next: 0 });
  }
  return { kind: 'unknown', steps: stepsMax };
}

/** Compact text form of the linearized set: the prefix length, then the placed ops beyond it. */
function bits(done: Uint8Array, low: number): string {
  let prefix = low;
  while (prefix < done.length && done[prefix] === 1) prefix++;
  let text = `${prefix}`;
  for (let i = prefix; i < done.length; i++) if (done[i] === 1) text += `,${i}`;
  return text;
}
