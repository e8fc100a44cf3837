import type { Settings } from '../config/index.ts';
import type { ServerOptions } from '../transport/index.ts';

/** What gRPC for Go takes when a time is 0 (internal/transport/defaults.go); etcd passes no 0 on (embed/etcd.go). */
const minTimeOfZeroMs = 5 * 60_000;
const intervalOfZeroMs = 2 * 3_600_000;
const timeoutOfZeroMs = 20_000;

/** A client is not pinged more often, whatever is asked for (gRPC for Go, internal.KeepaliveMinServerPingTime). */
const intervalMsMin = 1_000;

/** The limits of connections that `--grpc-keepalive-*` set, with etcd's reading of zeros. */
export function keepaliveLimits(settings: Settings): NonNullable<ServerOptions['limits']> {
  const { grpcKeepaliveMinTime, grpcKeepaliveInterval, grpcKeepaliveTimeout } = settings;
  // Only both together replace the defaults.
  const isGiven = grpcKeepaliveInterval > 0 && grpcKeepaliveTimeout > 0;
  return {
    pingIntervalMsMin: grpcKeepaliveMinTime > 0 ? grpcKeepaliveMinTime : minTimeOfZeroMs,
    keepaliveMs: isGiven ? Math.max(intervalMsMin, grpcKeepaliveInterval) : intervalOfZeroMs,
    keepaliveTimeoutMs: isGiven ? grpcKeepaliveTimeout : timeoutOfZeroMs,
  };
}
