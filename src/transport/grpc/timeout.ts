import { quoted } from './go-text.ts';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Eight digits and a unit, by the protocol. */
const lengthMax = 9;

/**
 * Milliseconds of a `grpc-timeout` header, or what is wrong with it in the words of gRPC for Go
 * (`decodeTimeout` of internal/transport/http_util.go).
 */
export function parseTimeout(value: string): number | string {
  if (value.length < 2) return `transport: timeout string is too short: ${quoted(value)}`;
  if (value.length > lengthMax) return `transport: timeout string is too long: ${quoted(value)}`;
  const unit = unitMs[value[value.length - 1]!];
  if (unit === undefined) return `transport: timeout unit is not recognized: ${quoted(value)}`;
  let digits = 0;
  for (let i = 0; i < value.length - 1; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) {
      return `strconv.ParseUint: parsing ${quoted(value.slice(0, -1))}: invalid syntax`;
    }
    digits = digits * 10 + digit;
  }
  return digits * unit;
}
