/** etcd's services over store and watch: messages to calls, errors to statuses; health, readiness and metrics over HTTP. */

export {
  CLUSTER_VERSION,
  ETCD_VERSION,
  STORAGE_VERSION,
  type CallContext,
  type ServerContext,
} from './context.ts';
export type { MethodCounters } from './counters.ts';
export { statusOf } from './errors.ts';
export { ForwardedCalls } from './forwarded-calls.ts';
export { Headers } from './headers.ts';
export { HealthService } from './health.ts';
export { alarmNames, healthChecks, type HealthChecks } from './http/checks.ts';
export { createGateway, type GatewayOptions } from './gateway/gateway.ts';
export { clientHttp, metricsHttp, type ClientHttpOptions } from './http/handlers.ts';
export type { PathHandler } from './http/mux.ts';
export type { HealthAnswers, HttpRoutesOptions } from './http/routes.ts';
export { GrpcPeerNetwork, type GrpcPeerNetworkOptions } from './peers/grpc-peer-network.ts';
export { PeerCredentials, type PeerTls } from './peers/peer-credentials.ts';
export { PeerTraffic, type PeerFigures, type RoundTrips } from './peers/peer-traffic.ts';
export { refuseByHeaders } from './refuse.ts';
export { etcdServices } from './services.ts';
export { StreamEnds } from './stream-ends.ts';
