import { silentLogger } from '../../src/base/index.ts';
import { NodeClock, NodeScheduler } from '../../src/cli/runtime.ts';
import { createServer, Listener, type GrpcServer, type ServerOptions } from '../../src/transport/index.ts';
import { createGrpcServer } from './grpc-js-transport/server.ts';
import { echoServices } from './echo-services.ts';

export interface TestTransport {
  readonly url: string;
  readonly server: GrpcServer;
  /** What `echoServices` noted. */
  readonly events: string[];
  /** What handlers threw. */
  readonly faults: unknown[];
  close(): Promise<void>;
}

/** `echoServices` on a free port, behind our own transport or behind the adapter on grpc-js. */
export async function startTransport(
  kind: 'own' | 'grpc-js',
  overrides: Partial<ServerOptions> = {},
): Promise<TestTransport> {
  const { services, events } = echoServices();
  const faults: unknown[] = [];
  const options = {
    services,
    receiveBytesMax: 2 * 1024 * 1024,
    streamsPerConnectionMax: 1000,
    onFault: (error: unknown) => void faults.push(error),
    logger: silentLogger,
    clock: new NodeClock(),
    scheduler: new NodeScheduler(),
    ...overrides,
  };
  const server = kind === 'own' ? createServer(options) : createGrpcServer(options);
  const listener = await Listener.open('http://127.0.0.1:0');
  server.serve(listener);
  return { url: listener.url, server, events, faults, close: () => server.close() };
}
