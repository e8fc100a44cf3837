import type { Bytes } from '../../../src/base/index.ts';
import { EMPTY_BYTES } from '../../../src/base/index.ts';
import type { ForwardedAnswer } from '../../../src/cluster/index.ts';
import type { StoreErrorCode } from '../../../src/store/index.ts';
import { STORE_ERRORS } from '../../../src/store/errors.ts';
import type { More } from '../client.ts';
import type { Answer, Call } from '../history.ts';

/** The method that all calls of the simulation are forwarded by. */
export const METHOD = '/simulated.Calls/Call';

/** A call as it goes from node to node. `member`: of the node that forwards it. */
export interface ForwardedCall {
  readonly call: Call;
  readonly more: More;
  readonly member: bigint;
}

export function encodeCall(call: ForwardedCall): Bytes {
  return encode(call);
}

export function decodeCall(bytes: Bytes): ForwardedCall {
  return decode(bytes) as ForwardedCall;
}

export function encodeAnswer(answer: Answer): ForwardedAnswer {
  if (answer.kind !== 'error') return { code: 0, message: '', body: encode(answer) };
  const [code, message] = STORE_ERRORS[answer.code as StoreErrorCode];
  return { code, message, body: EMPTY_BYTES };
}

export function decodeAnswer({ code, message, body }: ForwardedAnswer): Answer {
  if (code === 0) return decode(body) as Answer;
  const found = Object.entries(STORE_ERRORS).find(
    ([, [number, text]]) => number === code && text === message,
  );
  return { kind: 'error', code: found?.[0] ?? `${code} ${message}` };
}

/** JSON, with bytes and bigints marked. */
function encode(value: unknown): Bytes {
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key: string, held: unknown) {
    // A Buffer has been turned into something else by its toJSON.
    const raw = this[key];
    if (typeof raw === 'bigint') return { $int: String(raw) };
    return raw instanceof Uint8Array ? { $bytes: Buffer.from(raw).toString('latin1') } : held;
  });
  return Buffer.from(text);
}

function decode(bytes: Bytes): unknown {
  return JSON.parse(Buffer.from(bytes).toString(), (_key, held: unknown) => {
    if (typeof held !== 'object' || held === null) return held;
    if ('$int' in held) return BigInt(held.$int as string);
    return '$bytes' in held ? Buffer.from(held.$bytes as string, 'latin1') : held;
  });
}
