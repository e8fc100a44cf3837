/** Goal: a signal of two tells of both, and leaves nothing in either. */
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { eitherSignal, sharedSignal } from './either-signal.ts';

function two() {
  const [a, b] = [new AbortController(), new AbortController()];
  return { a, b, either: eitherSignal(a.signal, b.signal) };
}

describe('a shared signal', () => {
  it('is as its source is, and the same for all who ask for it', () => {
    const source = new AbortController();
    const shared = sharedSignal(source.signal);
    expect(sharedSignal(source.signal)).toBe(shared);
    expect(sharedSignal(shared)).toBe(shared);
    let calls = 0;
    shared.addEventListener('abort', () => calls++);
    expect(shared.aborted).toBe(false);
    source.abort('why');
    expect([shared.aborted, shared.reason, calls]).toEqual([true, 'why', 1]);
  });

  it('takes as long for the last of many listeners as for the first', () => {
    const shared = sharedSignal(new AbortController().signal);
    const listeners = Array.from({ length: 100_000 }, () => () => undefined);
    const startMs = performance.now();
    for (const listener of listeners) shared.addEventListener('abort', listener);
    for (const listener of listeners.toReversed()) shared.removeEventListener('abort', listener);
    // An AbortSignal takes minutes.
    expect(performance.now() - startMs).toBeLessThan(5000);
  });
});

describe('a signal of two', () => {
  it('is aborted with the first and with the second, and says why', () => {
    const first = two();
    expect(first.either.aborted).toBe(false);
    first.a.abort('a');
    expect([first.either.aborted, first.either.reason]).toEqual([true, 'a']);
    const second = two();
    second.b.abort('b');
    expect([second.either.aborted, second.either.reason]).toEqual([true, 'b']);
    second.a.abort('a');
    expect(second.either.reason).toBe('a');
  });

  it('calls each listener that is left, and none that was removed, even by another', () => {
    const { a, b, either } = two();
    const called: string[] = [];
    const removed = (): void => void called.push('removed');
    either.addEventListener('abort', () => {
      called.push('one');
      either.removeEventListener('abort', removed);
    });
    either.addEventListener('abort', removed);
    const later = (): void => void called.push('later');
    either.addEventListener('abort', later);
    either.addEventListener('abort', later);
    a.abort();
    expect(called).toEqual(['one', 'later']);
    either.removeEventListener('abort', later);
    b.abort();
    expect(called).toEqual(['one', 'later', 'one']);
  });

  it('is one listener for many in what it is made of, and none in the end', () => {
    const { a, b, either } = two();
    const nested = eitherSignal(new AbortController().signal, either);
    const listeners = Array.from({ length: 20 }, () => () => undefined);
    for (const listener of listeners) {
      either.addEventListener('abort', listener);
      nested.addEventListener('abort', listener);
    }
    expect(getEventListeners(a.signal, 'abort')).toHaveLength(1);
    for (const listener of listeners) {
      either.removeEventListener('abort', listener);
      nested.removeEventListener('abort', listener);
    }
    for (const { signal } of [a, b]) expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
