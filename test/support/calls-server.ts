import { TestTime } from '../property/store-world.ts';
import {
  Arrivals,
  Deadlines,
  GrpcCalls,
  MessageBudget,
  type GrpcCallsOptions,
} from '../../src/transport/grpc/index.ts';
import type { Method } from '../../src/transport/index.ts';
import { FakeStream, grpcHead, type TestHeaders } from './fake-stream.ts';

const echo: Method = { kind: 'unary', handle: (request, _call, reply) => reply(undefined, request) };
/** Answers with each message in brackets, and with a full stop at the end. */
const bidi: Method = {
  kind: 'bidi',
  handle: (stream) => {
    stream.onMessage((message) => void stream.send([Buffer.from('['), message, Buffer.from(']')]));
    stream.onHalfClose(() => {
      stream.send([Buffer.from('.')]);
      stream.end();
    });
  },
};
const twice: Method = {
  kind: 'serverStream',
  handle: (request, stream) => {
    stream.send([request]);
    stream.send([request]);
    stream.end();
  },
};

/** Calls of `test.Echo` on streams without connections, in time that stands still. */
export class CallsServer {
  readonly time = new TestTime();
  readonly deadlines = new Deadlines(this.time, this.time);
  readonly faults: unknown[] = [];
  readonly calls: GrpcCalls;

  constructor(methods: Record<string, Method> = {}, options: Partial<GrpcCallsOptions> = {}) {
    this.calls = new GrpcCalls({
      services: [{ name: 'test.Echo', methods: { Echo: echo, Bidi: bidi, Twice: twice, ...methods } }],
      receiveBytesMax: 1000,
      deadlines: this.deadlines,
      budget: new MessageBudget(100_000_000),
      arrivals: new Arrivals(this.time),
      refuse: undefined,
      onFault: (error) => this.faults.push(error),
      ...options,
    });
  }

  open(method: string, headers: TestHeaders = {}, endedByPeer = false): FakeStream {
    const path = method.startsWith('/') ? method : `/test.Echo/${method}`;
    const stream = new FakeStream(grpcHead(path, headers), endedByPeer);
    this.calls.request(stream);
    return stream;
  }

  /** A request in one piece, or left open. */
  ask(method: string, body: Uint8Array, headers: TestHeaders = {}, isLast = true): FakeStream {
    const stream = this.open(method, headers);
    stream.receive(body, isLast);
    return stream;
  }
}
