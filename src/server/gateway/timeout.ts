const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a `grpc-timeout` header as grpc-gateway reads it, which is more than gRPC allows; undefined: not one. */
export function parseTimeoutMs(text: string): number | undefined {
  const match = /^([+-]?[0-9]+)([HMSmun])$/.exec(text);
  if (match === null) return undefined;
  const amount = Number(match[1]);
  if (Math.abs(amount) >= 2 ** 63) return undefined;
  return amount * UNIT_MS[match[2]!]!;
}
