/** Thrown when an invariant of the program does not hold: a bug, never bad input. Nothing catches it but the process. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Guards an invariant, in production too. `message` says what holds ("the head is ours"). */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(`Invariant broken: ${message}`);
}

/** For the default branch of a switch over a union: reaching it is a bug. */
export function unreachable(value: never): never {
  throw new AssertionError(`Invariant broken: unexpected value ${String(value)}`);
}
