import { existsSync } from 'node:fs';
// eslint-disable-next-line no-restricted-imports -- only to load the parser when it is first needed
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as ProtoLoader from '@grpc/proto-loader';
import type { ColdMessages } from './cold-messages.ts';
import {
  planOf,
  toDomain,
  toLoader,
  type LoaderObject,
  type MessageFacts,
  type MessagePlan,
} from './message-plan.ts';
import { WireError } from './errors.ts';
import { knownFields } from './known-fields.ts';
import {
  shapeOf,
  type Descriptors,
  type EnumDescriptor,
  type MessageDescriptor,
  type MessageShape,
} from './message-shape.ts';

/**
 * The messages and services of `proto/`, read once when the first of them is asked for, through proto-loader: for all that
 * is not hot, for clients in tests, and as the judge of the hand-written codecs. Loading takes a third of the time that a
 * server has to start, so nothing that is needed at start may ask.
 *
 * Field names are those of the proto files. 64-bit fields are numbers that saturate like those of the hot messages, and
 * bigints where they hold a lease, cluster or member id (see message-plan.ts); encoding takes either. Enumerations are
 * numbers, bytes are Buffers, absent fields have their defaults, absent messages are null, and a oneof's name holds the
 * name of the member that is set. Strings that are not UTF-8 are refused, as by etcd 3.7 (up to 3.6 they were taken).
 */
export interface Codec<T> {
  /** Missing fields are zero, and zeros are not written. */
  encode(message: Partial<T>): Buffer;
  /** Throws WireError. Bytes fields are views into `bytes`, as in the hot messages. */
  decode(bytes: Uint8Array): T;
}

/** One RPC method as whoever mounts or calls it needs it. */
export interface MethodDefinition {
  /** As in `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** As in `etcdserverpb.RangeRequest`. */
  readonly requestType: string;
  readonly responseType: string;
}

const protoFiles = [
  'kv.proto',
  'auth.proto',
  'rpc.proto',
  'v3lock.proto',
  'v3election.proto',
  'grpc/health/v1/health.proto',
];

/** `proto/` lies in the package's root, above both `src/` and `dist/`. */
function findProtoDirectory(): string {
  let directory = import.meta.dirname;
  for (;;) {
    const candidate = join(directory, 'proto');
    if (existsSync(join(candidate, protoFiles[0]!))) return candidate;
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`Cannot find proto/ above ${import.meta.dirname}`);
    directory = parent;
  }
}

let loaded: ProtoLoader.PackageDefinition | undefined;

function definitions(): ProtoLoader.PackageDefinition {
  if (loaded !== undefined) return loaded;
  // A static import would load the parser in every process, and a dynamic one would make every codec a promise.
  const loader = createRequire(import.meta.url)('@grpc/proto-loader') as typeof ProtoLoader;
  loaded = loader.loadSync(protoFiles, {
    includeDirs: [findProtoDirectory()],
    keepCase: true,
    longs: String,
    enums: Number,
    bytes: Buffer,
    defaults: true,
    arrays: true,
    oneofs: true,
  });
  return loaded;
}

type LoaderMessage = ProtoLoader.MessageTypeDefinition<object, object>;

function messageDefinition(name: string): LoaderMessage {
  const definition = definitions()[name];
  if (definition?.['format'] !== 'Protocol Buffer 3 DescriptorProto') {
    throw new Error(`Cannot find message ${name} in proto/`);
  }
  return definition;
}

function factsOf(name: string): MessageFacts {
  const definition = messageDefinition(name);
  return { descriptor: definition.type, empty: definition.deserialize(Buffer.alloc(0)) };
}

const plans = new Map<string, MessagePlan>();

/** The codec of a message by its full name. Throws Error on a name that is not in `proto/`: a bug, never input. */
export function codecOf<K extends keyof ColdMessages>(messageName: K): Codec<ColdMessages[K]>;
export function codecOf<T extends object>(messageName: string): Codec<T>;
export function codecOf(messageName: string): Codec<LoaderObject> {
  const definition = messageDefinition(messageName);
  const plan = planOf(messageName, factsOf, plans);
  return {
    encode: (message) => definition.serialize(toLoader(message, plan)),
    decode: (bytes) => {
      const known = knownFields(bytes, plan);
      const buffer = Buffer.from(known.buffer, known.byteOffset, known.byteLength);
      return toDomain(deserialize(definition, buffer) as LoaderObject, plan);
    },
  };
}

function deserialize(definition: LoaderMessage, bytes: Buffer): object {
  try {
    return definition.deserialize(bytes);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new WireError('malformed', 0, detail, { cause });
  }
}

const descriptors: Descriptors = {
  message: (name) => messageDefinition(name).type as MessageDescriptor,
  enumeration(name) {
    const definition = definitions()[name];
    if (definition?.['format'] !== 'Protocol Buffer 3 EnumDescriptorProto') {
      throw new Error(`Cannot find enumeration ${name} in proto/`);
    }
    return definition.type as EnumDescriptor;
  },
  hasDefault: (message, field) => Object.hasOwn(factsOf(message).empty, field),
};

const shapes = new Map<string, MessageShape>();

/** What a message is made of, by its full name. Throws Error on a name that is not in `proto/`: a bug, never input. */
export function messageShape(messageName: string): MessageShape {
  return shapeOf(messageName, descriptors, shapes);
}

/** A service's methods by name, of `etcdserverpb.KV` and its like. Throws Error on a name that is not in `proto/`. */
export function serviceDefinition(serviceName: string): Readonly<Record<string, MethodDefinition>> {
  const definition = definitions()[serviceName];
  if (definition === undefined || 'format' in definition) {
    throw new Error(`Cannot find service ${serviceName} in proto/`);
  }
  const packageName = serviceName.slice(0, serviceName.lastIndexOf('.'));
  const methods: Record<string, MethodDefinition> = {};
  for (const [name, method] of Object.entries(definition)) {
    methods[name] = {
      path: method.path,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestType: `${packageName}.${typeName(method.requestType)}`,
      responseType: `${packageName}.${typeName(method.responseType)}`,
    };
  }
  return methods;
}

/** Every method takes and gives messages of its own package, so the simple name is enough. */
function typeName(definition: { type: object }): string {
  return (definition.type as { name: string }).name;
}

/** Full names of all services in `proto/`. */
export function serviceNames(): string[] {
  return Object.entries(definitions())
    .filter(([, definition]) => !('format' in definition))
    .map(([name]) => name);
}
