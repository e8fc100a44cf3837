/** gRPC over HTTP/2: calls out of streams. */

export { Arrivals } from './arrivals.ts';
export { GrpcCalls, type GrpcCallsOptions } from './calls.ts';
export { Deadlines } from './deadlines.ts';
export { MessageBudget } from './message-budget.ts';
