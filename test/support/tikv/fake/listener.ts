import { readFileSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { TlsFiles } from '../cluster.ts';

/** Ten seconds: another process may have been given the port meanwhile. */
const bindAttemptsMax = 1000;

/** A gRPC server on one address of the loopback, which can be stopped and started again. */
export class Listener {
  readonly #definition: ServiceDefinition;
  readonly #handlers: UntypedServiceImplementation;
  readonly #tls: TlsFiles | undefined;
  #port = 0;
  #server: Server | undefined;

  constructor(definition: ServiceDefinition, handlers: UntypedServiceImplementation, tls?: TlsFiles) {
    this.#definition = definition;
    this.#handlers = handlers;
    this.#tls = tls;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get isUp(): boolean {
    return this.#server !== undefined;
  }

  /** On the port that it had, unless a new one is asked for. */
  async start(onNewPort = false): Promise<void> {
    if (this.#server !== undefined) return;
    if (onNewPort) this.#port = 0;
    for (let attempt = 1; ; attempt++) {
      const server = new Server({
        'grpc.max_receive_message_length': -1,
        'grpc.max_send_message_length': -1,
        'grpc.so_reuseport': 0,
      });
      server.addService(this.#definition, this.#handlers);
      try {
        this.#port = await bind(server, this.address, credentials(this.#tls));
        this.#server = server;
        return;
      } catch (error) {
        server.forceShutdown();
        if (attempt === bindAttemptsMax) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  /** Drops all connections and refuses new ones. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }
}

function credentials(tls: TlsFiles | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
  return ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
}

function bind(server: Server, address: string, creds: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, creds, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}
