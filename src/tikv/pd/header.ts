import type { Received } from '../messages.ts';
import { PdErrorType, type PdAnswers } from '../pd-messages.ts';

/** What a placement driver said no with, in the header of its answer. It never leaves the client but as a `cause`. */
export class PdError extends Error {
  override readonly name = 'PdError';
  /** One of `PdErrorType`. */
  readonly type: number;

  constructor(type: number, message: string) {
    super(message);
    this.type = type;
  }
}

/** What a header says against its answer: an error, or another cluster's id. Undefined if nothing. */
export function headerError(
  header: Received<PdAnswers['GetMembers']>['header'],
  clusterId: bigint,
): PdError | undefined {
  if (header === undefined) return new PdError(PdErrorType.UNKNOWN, 'An answer has no header');
  const { error } = header;
  if (error !== undefined && error.type !== PdErrorType.OK) return new PdError(error.type, error.message);
  if (header.clusterId === clusterId) return undefined;
  const message = `The answer is from cluster ${header.clusterId}: ours is ${clusterId}`;
  return new PdError(PdErrorType.UNKNOWN, message);
}
