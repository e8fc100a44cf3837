import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { join } from 'node:path';

/** A field as protobuf's own descriptors have it. */
export interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  /** As in `LABEL_REPEATED`. */
  readonly label: string;
  /** As in `TYPE_UINT64`. */
  readonly type: string;
  /** Of a message or an enumeration: with a leading dot, or relative to the package. */
  readonly typeName: string;
}

/** A method of a service: its path, as in `/pdpb.PD/GetRegion`, and the full names of what it takes and gives. */
export interface MethodDescriptor {
  readonly path: string;
  readonly requestName: string;
  readonly responseName: string;
}

/** It lies beside this folder, in `src/` as in `dist/`: the build copies it (scripts/bootstrap.mjs). */
export const PROTO_DIRECTORY = join(import.meta.dirname, '..', 'proto');

let loaded: PackageDefinition | undefined;

/** The files are read once, when the first message is asked for. */
function definitions(): PackageDefinition {
  loaded ??= loadSync(['pdpb.proto', 'tikvpb.proto'], { includeDirs: [PROTO_DIRECTORY], keepCase: true });
  return loaded;
}

/** The fields of a message by its full name. Throws Error on a name that is not in `proto/`: a bug, never input. */
export function messageFields(name: string): readonly FieldDescriptor[] {
  const definition = definitions()[name];
  if (definition?.['format'] !== 'Protocol Buffer 3 DescriptorProto') {
    throw new Error(`Cannot find message ${name} in the protos`);
  }
  return (definition.type as { field: readonly FieldDescriptor[] }).field;
}

/** The methods of a service by name. Throws Error on a name that is not in `proto/`: a bug, never input. */
export function serviceMethods(service: string): ReadonlyMap<string, MethodDescriptor> {
  const definition = definitions()[service];
  if (definition === undefined || 'format' in definition) {
    throw new Error(`Cannot find service ${service} in the protos`);
  }
  // All messages of a service's methods are in one package.
  const messages = service === 'tikvpb.Tikv' ? 'kvrpcpb' : service.slice(0, service.lastIndexOf('.'));
  const methods = new Map<string, MethodDescriptor>();
  for (const [name, { path, requestType, responseType }] of Object.entries(definition)) {
    methods.set(name, {
      path,
      requestName: `${messages}.${(requestType.type as { name: string }).name}`,
      responseName: `${messages}.${(responseType.type as { name: string }).name}`,
    });
  }
  return methods;
}
