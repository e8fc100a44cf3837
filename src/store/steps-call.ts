import { assert } from '../base/index.ts';
import type { StoreErrorCode } from './errors.ts';
import type { Steps } from './slices.ts';
import { ProposingCall } from './write-call.ts';
import type { Progress } from './write-queue.ts';

/**
 * How an evaluation ends: `sealed`, it has proposed something; `unchanged`, it has not; `wait`, a pending record decides,
 * and it has proposed nothing yet; or why it is refused, again with nothing proposed.
 */
export type Evaluated = 'sealed' | 'unchanged' | 'wait' | StoreErrorCode;

/**
 * A write that may be huge: it is evaluated in slices when it does not fit in one, against the state at its start, while
 * later writes queue. Before it proposes anything it says how much there will be; up to `atOnceKeysMax` it then does it
 * in one go, because an open proposal holds up the commits of others.
 */
export abstract class StepsCall<T> extends ProposingCall<T> {
  #steps: Steps<Evaluated> | undefined;

  protected abstract evaluate(): Steps<Evaluated>;

  run(): Progress {
    const isFirst = this.#steps === undefined;
    const steps = (this.#steps ??= this.evaluate());
    if (isFirst) this.parts.budget.start();
    const next = steps.next();
    if (next.done !== true) return next.value ?? 'more';
    this.#steps = undefined;
    switch (next.value) {
      case 'sealed':
        return this.seal();
      case 'unchanged':
        return this.answer();
      case 'wait':
        return 'wait';
      default:
        return this.fail(next.value);
    }
  }

  override refuse(code: StoreErrorCode): void {
    this.#steps?.return('unchanged');
    this.#steps = undefined;
    super.refuse(code);
  }

  /** Runs the part that proposes: in slices when it is huge, else to its end. */
  protected *propose(keys: number, steps: Steps<void>): Steps<void> {
    if (keys > this.parts.limits.atOnceKeysMax) {
      this.parts.writer.separate();
      yield* steps;
      return;
    }
    for (let next = steps.next(); next.done !== true; next = steps.next()) {
      assert(next.value === undefined, 'nothing is read from the engine while a proposal is open');
    }
  }
}
