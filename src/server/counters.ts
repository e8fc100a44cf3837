import { EMPTY_BYTES } from '../base/index.ts';
import type {
  BidiStream,
  Call,
  GrpcStatus,
  Message,
  Method,
  Service,
  ServerStream,
  Slices,
} from '../transport/index.ts';

/** How many status codes gRPC has. */
const CODES = 17;

/** What has been counted of one method. Plain numbers, because every call touches them. */
export interface MethodCounters {
  readonly service: string;
  readonly method: string;
  readonly kind: Method['kind'];
  started: number;
  /** Ended calls by status code. */
  readonly handled: Float64Array;
  messagesReceived: number;
  messagesSent: number;
  receivedBytes: number;
  sentBytes: number;
}

/** The same service, counting into `counters`, to which it adds one entry per method. */
export function counted(service: Service, counters: MethodCounters[]): Service {
  const methods: Record<string, Method> = {};
  for (const [name, method] of Object.entries(service.methods)) {
    const entry: MethodCounters = {
      service: service.name,
      method: name,
      kind: method.kind,
      started: 0,
      handled: new Float64Array(CODES),
      messagesReceived: 0,
      messagesSent: 0,
      receivedBytes: 0,
      sentBytes: 0,
    };
    counters.push(entry);
    methods[name] = countedMethod(method, entry);
  }
  return { name: service.name, methods };
}

function countedMethod(method: Method, entry: MethodCounters): Method {
  switch (method.kind) {
    case 'unary': {
      const { handle } = method;
      return {
        kind: 'unary',
        handle(request, call, reply) {
          started(entry, call);
          received(entry, request);
          handle(request, call, (status, response) => {
            // One that has ended already has been counted.
            if (!call.ended) {
              entry.handled[status?.code ?? 0]! += 1;
              if (status === undefined) sent(entry, response ?? EMPTY_BYTES);
            }
            reply(status, response);
          });
        },
      };
    }
    case 'serverStream': {
      const { handle } = method;
      return {
        kind: 'serverStream',
        handle(request, stream) {
          started(entry, stream);
          received(entry, request);
          handle(request, new CountedStream(stream, entry));
        },
      };
    }
    case 'bidi': {
      const { handle } = method;
      return {
        kind: 'bidi',
        handle(stream) {
          started(entry, stream);
          handle(new CountedBidiStream(stream, entry));
        },
      };
    }
  }
}

function started(entry: MethodCounters, call: Call): void {
  entry.started++;
  call.onCancel((code) => {
    entry.handled[code]! += 1;
  });
}

function received(entry: MethodCounters, message: Uint8Array): void {
  entry.messagesReceived++;
  entry.receivedBytes += message.length;
}

function sent(entry: MethodCounters, message: Message): void {
  entry.messagesSent++;
  if (!Array.isArray(message)) entry.sentBytes += message.length;
  else for (const slice of message as Slices) entry.sentBytes += slice.length;
}

/** Passes everything on and counts what passes. */
class CountedStream<S extends ServerStream> implements ServerStream {
  protected readonly stream: S;
  protected readonly entry: MethodCounters;

  constructor(stream: S, entry: MethodCounters) {
    this.stream = stream;
    this.entry = entry;
  }

  get path(): string {
    return this.stream.path;
  }

  get peer(): string {
    return this.stream.peer;
  }

  get deadlineMs(): number {
    return this.stream.deadlineMs;
  }

  get ended(): boolean {
    return this.stream.ended;
  }

  metadata(name: string): string | undefined {
    return this.stream.metadata(name);
  }

  onCancel(run: (code: number) => void): void {
    this.stream.onCancel(run);
  }

  send(message: Message): boolean {
    sent(this.entry, message);
    return this.stream.send(message);
  }

  onDrain(run: () => void): void {
    this.stream.onDrain(run);
  }

  end(status?: GrpcStatus): void {
    if (this.stream.ended) return;
    this.entry.handled[status?.code ?? 0]! += 1;
    this.stream.end(status);
  }
}

class CountedBidiStream extends CountedStream<BidiStream> implements BidiStream {
  onMessage(run: (request: Uint8Array) => void): void {
    this.stream.onMessage((request) => {
      received(this.entry, request);
      run(request);
    });
  }

  onHalfClose(run: () => void): void {
    this.stream.onHalfClose(run);
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }
}
