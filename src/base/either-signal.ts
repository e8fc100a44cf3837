/** What of an `AbortSignal` those need who can be called off. */
export interface EndSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * `signal`, for many that listen at once: it has one listener for all of them, and each comes and goes in constant time. An
 * `EventTarget` walks through all its listeners for each, and warns of more than ten.
 */
export function sharedSignal(signal: EndSignal): EndSignal {
  if (signal instanceof SharedSignal) return signal;
  let shared = SHARED.get(signal);
  if (shared === undefined) SHARED.set(signal, (shared = new SharedSignal(signal)));
  return shared;
}

/**
 * Aborted once one of two is; when both are, the first one's reason counts. Unlike `AbortSignal.any`, which leaves some 100
 * bytes for ever in each of its sources that lives on (Node 20), this leaves nothing once its listeners are removed.
 */
export function eitherSignal(first: EndSignal, second: EndSignal): EndSignal {
  return new EitherSignal(sharedSignal(first), sharedSignal(second));
}

class EitherSignal implements EndSignal {
  readonly #first: EndSignal;
  readonly #second: EndSignal;

  constructor(first: EndSignal, second: EndSignal) {
    this.#first = first;
    this.#second = second;
  }

  get aborted(): boolean {
    return this.#first.aborted || this.#second.aborted;
  }

  get reason(): unknown {
    return this.#first.aborted ? this.#first.reason : this.#second.reason;
  }

  addEventListener(type: 'abort', listener: () => void): void {
    this.#first.addEventListener(type, listener);
    this.#second.addEventListener(type, listener);
  }

  removeEventListener(type: 'abort', listener: () => void): void {
    this.#first.removeEventListener(type, listener);
    this.#second.removeEventListener(type, listener);
  }
}

/** Listens to one signal for as long as somebody listens here. */
class SharedSignal implements EndSignal {
  readonly #signal: EndSignal;
  readonly #listeners = new Set<() => void>();
  readonly #run = (): void => {
    for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener();
  };

  constructor(signal: EndSignal) {
    this.#signal = signal;
  }

  get aborted(): boolean {
    return this.#signal.aborted;
  }

  get reason(): unknown {
    return this.#signal.reason;
  }

  addEventListener(type: 'abort', listener: () => void): void {
    if (this.#listeners.size === 0) this.#signal.addEventListener(type, this.#run);
    this.#listeners.add(listener);
  }

  removeEventListener(type: 'abort', listener: () => void): void {
    const isLast = this.#listeners.delete(listener) && this.#listeners.size === 0;
    if (isLast) this.#signal.removeEventListener(type, this.#run);
  }
}

/** By signal, and gone with it. */
const SHARED = new WeakMap<EndSignal, SharedSignal>();
