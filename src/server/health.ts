import { GrpcCode, type Service, type ServerStream } from '../transport/index.ts';
import { codecOf, ServingStatus } from '../wire/index.ts';
import { statusOfMalformed } from './errors.ts';
import { coldUnary } from './unary.ts';

/** `grpc.health.v1.Health`: the whole server, under the name of no service, is the only thing that has a state. */
export class HealthService {
  readonly service: Service;
  readonly #watchers = new Set<ServerStream>();
  #isServing = true;

  constructor() {
    this.service = {
      name: 'grpc.health.v1.Health',
      methods: {
        Check: coldUnary(
          { request: 'grpc.health.v1.HealthCheckRequest', response: 'grpc.health.v1.HealthCheckResponse' },
          (request, reply, { encode }) => {
            if (request.service === '') reply(undefined, encode({ status: this.#status }));
            else reply({ code: GrpcCode.notFound, message: 'unknown service' });
          },
        ),
        Watch: { kind: 'serverStream', handle: (request, stream) => this.#watch(request, stream) },
      },
    };
  }

  /** Says NOT_SERVING to all who watch, and ends them: the server stops. */
  stop(): void {
    this.#isServing = false;
    for (const stream of this.#watchers) {
      stream.send([this.#encode(this.#status)]);
      stream.end({ code: GrpcCode.unavailable, message: 'etcdserver: server stopped' });
    }
    this.#watchers.clear();
  }

  get #status(): number {
    return this.#isServing ? ServingStatus.serving : ServingStatus.notServing;
  }

  #encode(status: number): Buffer {
    return codecOf('grpc.health.v1.HealthCheckResponse').encode({ status });
  }

  #watch(bytes: Uint8Array, stream: ServerStream): void {
    let service: string;
    try {
      service = codecOf('grpc.health.v1.HealthCheckRequest').decode(bytes).service;
    } catch (error) {
      stream.end(statusOfMalformed(error, 'stream'));
      return;
    }
    stream.send([this.#encode(service === '' ? this.#status : ServingStatus.serviceUnknown)]);
    this.#watchers.add(stream);
    stream.onCancel(() => this.#watchers.delete(stream));
  }
}
