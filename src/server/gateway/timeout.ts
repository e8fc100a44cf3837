const UNIT_NS: Readonly<Record<string, bigint>> = {
  H: 3_600_000_000_000n,
  M: 60_000_000_000n,
  S: 1_000_000_000n,
  m: 1_000_000n,
  u: 1000n,
  n: 1n,
};
const NS_PER_MS = 1e6;

/**
 * Milliseconds of a `grpc-timeout` header as grpc-gateway reads it: more than gRPC allows, negative ones too, and what is
 * beyond 64 bits of nanoseconds wraps around. Infinity: none. Undefined: it cannot be read.
 */
export function parseTimeoutMs(text: string): number | undefined {
  if (text === '') return Infinity;
  const match = /^([+-]?[0-9]{1,19})([HMSmun])$/.exec(text);
  if (match === null) return undefined;
  const amount = BigInt(match[1]!.replace('+', ''));
  if (BigInt.asIntN(64, amount) !== amount) return undefined;
  const timeoutNs = BigInt.asIntN(64, amount * UNIT_NS[match[2]!]!);
  return timeoutNs === 0n ? Infinity : Number(timeoutNs) / NS_PER_MS;
}
