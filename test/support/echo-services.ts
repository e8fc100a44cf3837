import type { Method, Service } from '../../src/transport/index.ts';

/**
 * Services for tests of transports, driven by their requests: each message is a JSON text that says what to do. They hold
 * no state but the list of events.
 */

/** What a request asks for; the rest of the message, after the first line, is only there to be long. */
export interface Order {
  /** Sizes of the answers; a unary call gives one. */
  readonly sizes?: readonly number[];
  readonly status?: { readonly code: number; readonly message: string };
  /** Names of metadata to give back, as JSON, in place of zeros. */
  readonly metadata?: readonly string[];
  /** Never answer. */
  readonly wait?: boolean;
  readonly throws?: boolean;
}

export function order(wanted: Order, paddingBytes = 0): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(wanted)}\n`), Buffer.alloc(paddingBytes, 'x')]);
}

function orderOf(request: Uint8Array): Order {
  const text = Buffer.from(request).toString('utf8');
  const end = text.indexOf('\n');
  return end < 0 ? {} : (JSON.parse(text.slice(0, end)) as Order);
}

function answer(size: number): Uint8Array[] {
  const half = size >> 1;
  return [Buffer.alloc(half, 'a'), Buffer.alloc(size - half, 'b')];
}

type Metadata = (name: string) => string | undefined;

function metadataAnswer(wanted: Order, metadata: Metadata): Uint8Array[] | undefined {
  if (wanted.metadata === undefined) return undefined;
  return [Buffer.from(JSON.stringify(wanted.metadata.map((name) => metadata(name) ?? null)))];
}

export interface EchoServices {
  readonly services: readonly Service[];
  /** `cancelled PATH` for each call that was. */
  readonly events: string[];
}

/** `test.Echo` with one method of each kind, each also with a longer service name. */
export function echoServices(): EchoServices {
  const events: string[] = [];
  const unary: Method = {
    kind: 'unary',
    handle(request, call, reply) {
      call.onCancel(() => events.push(`cancelled ${call.path}`));
      const wanted = orderOf(request);
      if (wanted.throws === true) throw new Error('asked to throw');
      if (wanted.wait === true) return;
      if (wanted.status !== undefined) reply(wanted.status);
      else
        reply(
          undefined,
          metadataAnswer(wanted, (name) => call.metadata(name)) ?? answer(wanted.sizes?.[0] ?? 0),
        );
    },
  };
  const serverStream: Method = {
    kind: 'serverStream',
    handle(request, stream) {
      stream.onCancel(() => events.push(`cancelled ${stream.path}`));
      const wanted = orderOf(request);
      if (wanted.throws === true) throw new Error('asked to throw');
      for (const size of wanted.sizes ?? []) stream.send(answer(size));
      if (wanted.wait !== true) stream.end(wanted.status);
    },
  };
  const bidi: Method = {
    kind: 'bidi',
    handle(stream) {
      stream.onCancel(() => events.push(`cancelled ${stream.path}`));
      let received = 0;
      let waits = false;
      stream.onMessage((request) => {
        received += request.length;
        const wanted = orderOf(request);
        if (wanted.throws === true) throw new Error('asked to throw');
        waits ||= wanted.wait === true;
        const metadata = metadataAnswer(wanted, (name) => stream.metadata(name));
        if (metadata !== undefined) stream.send(metadata);
        for (const size of wanted.sizes ?? []) stream.send(answer(size));
        if (wanted.status !== undefined) stream.end(wanted.status);
      });
      stream.onHalfClose(() => {
        if (waits) return;
        stream.send([Buffer.from(String(received))]);
        stream.end();
      });
    },
  };
  const methods = { Unary: unary, ServerStream: serverStream, Bidi: bidi };
  return {
    events,
    services: [
      { name: 'test.Echo', methods },
      { name: 'test.longer.Echo', methods },
    ],
  };
}
