import type { GrpcServer } from '../transport/index.ts';
import type { OpenNode } from './open-node.ts';
import type { Serving } from './serving.ts';

/** How long calls under way may go on after a stop was asked for. */
const drainMs = 500;

export interface StoppingParts {
  readonly open: OpenNode;
  readonly serving: Pick<Serving, 'endStreams'>;
  /** Serves clients. */
  readonly grpc: GrpcServer;
  /** Serves the metrics listeners. */
  readonly http: GrpcServer;
}

/** Accepts nothing new, lets calls end, then the node, then what it uses. Called again, it gives the same. */
export function stopping(parts: StoppingParts): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= stop(parts));
}

async function stop({ serving, grpc, http, open }: StoppingParts): Promise<void> {
  const drained = grpc.drain(drainMs);
  serving.endStreams();
  await drained;
  await open.close();
  await http.close();
}
