import type { Method, Service } from '../service.ts';
import { GrpcCode, type GrpcStatus } from '../status.ts';
import { quoted, textOfHeader } from './go-text.ts';

/** A method that is served. */
export interface Route {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly method: Method;
}

/** Finds methods by path. */
export class Router {
  readonly #routes = new Map<string, Route>();
  readonly #services: ReadonlySet<string>;

  constructor(services: readonly Service[]) {
    this.#services = new Set(services.map((service) => service.name));
    for (const { name, methods } of services) {
      for (const [method, implementation] of Object.entries(methods)) {
        const path = `/${name}/${method}`;
        if (this.#routes.has(path)) throw new Error(`Method ${path} is registered twice`);
        this.#routes.set(path, { path, method: implementation });
      }
    }
  }

  find(path: string): Route | undefined {
    return this.#routes.get(path);
  }

  /** What gRPC for Go answers to a path that nobody serves (`handleStream` of server.go). */
  unknown(path: string): GrpcStatus {
    const slash = path.lastIndexOf('/');
    if (!path.startsWith('/') || slash === 0) return unimplemented(`malformed method name: ${quoted(path)}`);
    const service = path.slice(1, slash);
    const method = textOfHeader(path.slice(slash + 1));
    return unimplemented(
      this.#services.has(service)
        ? `unknown method ${method} for service ${service}`
        : `unknown service ${textOfHeader(service)}`,
    );
  }
}

function unimplemented(message: string): GrpcStatus {
  return { code: GrpcCode.unimplemented, message };
}
